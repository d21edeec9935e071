"""The bytes of a request, plain or gzip, never more than the limit; and their fields, checked."""

import zlib
from typing import TypeVar

import msgspec
from flask import request

from xray_backend.api.context import services
from xray_backend.errors import BadRequest, TooLarge, UnsupportedMedia
from xray_backend.ingest.strict_json import parse_object
from xray_backend.ingest.unacceptable import explain

__all__ = ["read_body", "read_fields"]

T = TypeVar("T")
_GZIP = 16 + zlib.MAX_WBITS


def read_body() -> bytes:
    """Return the body, decompressed.

    Raises `UnsupportedMedia` if it is not JSON or encoded otherwise than gzip, `TooLarge` if it is over the limit,
    `BadRequest` if the gzip is broken.
    """
    limit_bytes = services().config.max_body_bytes
    request.max_content_length = limit_bytes
    body = request.get_data(cache=False)  # also of a request that is refused: who sends hears the answer then
    if request.mimetype != "application/json":
        raise UnsupportedMedia("Send JSON, with the header `Content-Type: application/json`.")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMedia("The body may be plain or `Content-Encoding: gzip`, nothing else.")
    return _decompressed(body, limit_bytes) if encoding == "gzip" else body


def read_fields(shape: type[T]) -> T:
    """Return the body as an object of this shape. Raises as `read_body`, and `BadRequest` if a field is wrong."""
    fields = parse_object(read_body(), services().limits)
    try:
        return msgspec.convert(fields, shape)
    except msgspec.ValidationError as error:
        raise BadRequest(explain(error, "The request body")) from None


def _decompressed(body: bytes, limit_bytes: int) -> bytes:
    """Inflate all members of the gzip file, and stop at the limit rather than after it."""
    whole = bytearray()
    rest = body
    try:
        while True:
            member = zlib.decompressobj(_GZIP)
            whole += member.decompress(rest, limit_bytes + 1 - len(whole))
            if len(whole) > limit_bytes:
                raise TooLarge(f"The body may have {limit_bytes} bytes at most, decompressed.")
            if not member.eof:
                raise BadRequest("The gzip body ends too early.")
            rest = member.unused_data
            if not rest:
                return bytes(whole)
    except zlib.error:
        raise BadRequest("The body is not valid gzip.") from None
