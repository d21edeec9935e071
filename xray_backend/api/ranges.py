"""Bytes as they are asked for: all of them, or one range (RFC 9110, 14), streamed."""

import re
from collections.abc import Iterator, Mapping
from typing import IO, Final

from flask import Response, request

from xray_backend.api.answers import answer
from xray_backend.api.described import Parameter
from xray_backend.blobs.part_writer import CHUNK_BYTES

__all__ = ["RANGE_PARAMETERS", "send_bytes"]

RANGE_PARAMETERS: Final = {
    "Range": Parameter("One range of bytes, like `bytes=0-1023` or `bytes=-500`.", {"type": "string"}, "header"),
    "If-Range": Parameter(
        "The ETag of which the range is wanted; all bytes if it is another now.", {"type": "string"}, "header"
    ),
}
_RANGE: Final = re.compile(r"bytes[ \t]*=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.ASCII | re.IGNORECASE)


class _NotSatisfiable(Exception):
    """The range has no byte of the value."""


def send_bytes(source: IO[bytes], size_bytes: int, etag: str, headers: Mapping[str, str]) -> Response:
    """Answer with the file, or a range of it; the file is closed when the answer is sent.

    A range that is not understood, several at once, and one of other bytes than `If-Range` names are answered with
    all bytes, as the standard allows.
    """
    try:
        asked = _asked_range(size_bytes, etag)
    except _NotSatisfiable:
        source.close()
        return _refused(size_bytes)
    first, length = asked or (0, size_bytes)
    source.seek(first)
    response = Response(_chunks(source, length), 206 if asked else 200, dict(headers))
    response.call_on_close(source.close)
    response.content_length = length
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = etag
    if asked:
        response.headers["Content-Range"] = f"bytes {first}-{first + length - 1}/{size_bytes}"
    return response


def _asked_range(size_bytes: int, etag: str) -> tuple[int, int] | None:
    """Return the first byte and the length that are asked for; None stands for all."""
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    if match is None or request.method != "GET" or request.headers.get("If-Range", etag) != etag:
        return None
    begin, end = match.groups()
    if not begin:
        return _suffix(end, size_bytes)
    if end and int(end) < int(begin):
        return None  # no range, says the standard, so it is as if there were none
    if int(begin) >= size_bytes:
        raise _NotSatisfiable
    last = min(int(end or size_bytes), size_bytes - 1)
    return int(begin), last + 1 - int(begin)


def _suffix(length: str, size_bytes: int) -> tuple[int, int] | None:
    if not length:
        return None
    wanted = min(int(length), size_bytes)
    if wanted == 0:
        raise _NotSatisfiable
    return size_bytes - wanted, wanted


def _refused(size_bytes: int) -> Response:
    response = answer({"error": f"The value has {size_bytes} bytes; the range in the header Range lies behind them."})
    response.status_code = 416
    response.headers["Content-Range"] = f"bytes */{size_bytes}"
    response.headers["Accept-Ranges"] = "bytes"
    return response


def _chunks(source: IO[bytes], length: int) -> Iterator[bytes]:
    left = length
    while left and (chunk := source.read(min(left, CHUNK_BYTES))):
        left -= len(chunk)
        yield chunk
