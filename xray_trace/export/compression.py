"""Compressing what is sent, where that saves more than it costs; the figures are in docs/adr/0009-sending.md."""

import asyncio
import zlib

__all__ = ["GZIP_FROM_BYTES", "gzipped"]

GZIP_FROM_BYTES = 2 * 1024  # under it the request is one or two packets either way
_LEVEL = 1  # higher ones take two to four times as long for a tenth of the bytes more
_GZIP = 16 + zlib.MAX_WBITS  # how zlib is told to write gzip's header
_CHUNK_BYTES = 256 * 1024  # some 2 ms of work, after which others in the loop have a turn


async def gzipped(body: bytes) -> bytes:
    """Return the body in gzip's format; the interpreter's lock is free meanwhile, and so is the loop in between."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    packed = bytearray()
    for start in range(0, len(body), _CHUNK_BYTES):
        packed += compressor.compress(memoryview(body)[start : start + _CHUNK_BYTES])
        await asyncio.sleep(0)
    packed += compressor.flush()
    return bytes(packed)
