"""How records lie in a journal: framed, so that a damaged one costs itself and no other."""

import struct
import zlib
from collections.abc import Iterator

__all__ = ["to_frame", "unframe"]

_MAGIC = b"\xf5XRT"  # 0xF5 occurs in no UTF-8 text, so text in a record is hardly ever taken for a frame's start
_HEADER = struct.Struct("<4sII")
_pack = _HEADER.pack
_checksum = zlib.crc32
_BEYOND = 2**30  # no journal is larger; a length over it is damage


def to_frame(payload: bytes) -> bytes:
    """Return the payload with its mark, length and checksum in front."""
    return _pack(_MAGIC, len(payload), _checksum(payload)) + payload


def unframe(journal: bytes, *, damaged: bool) -> Iterator[bytes | None]:
    """Yield each record's payload, and None for each stretch that is no record.

    `damaged` says that the journal may be: then the search goes on behind a gap, to the very end. A journal of
    this process ends where the zeros begin.
    """
    position = 0
    while position < len(journal):
        payload = _payload_at(journal, position)
        if payload is not None:
            yield payload
            position += _HEADER.size + len(payload)
            continue
        if not damaged and not any(journal[position : position + _HEADER.size]):
            return
        following = _next_frame(journal, position)
        if journal[position:following].strip(b"\0"):
            yield None
        position = following


def _payload_at(journal: bytes, position: int) -> bytes | None:
    start = position + _HEADER.size
    if start > len(journal):
        return None
    magic, length, checksum = _HEADER.unpack_from(journal, position)
    if magic != _MAGIC or not 0 < length < _BEYOND:
        return None
    payload = journal[start : start + length]
    return payload if len(payload) == length and zlib.crc32(payload) == checksum else None


def _next_frame(journal: bytes, position: int) -> int:
    """Return where the next whole frame begins behind this place, or the end."""
    while True:
        position = journal.find(_MAGIC, position + 1)
        if position < 0:
            return len(journal)
        if _payload_at(journal, position) is not None:
            return position
