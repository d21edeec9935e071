"""A gzip body, inflated as it arrives: a bomb is stopped at the limit, and nobody keeps the bytes that made it."""

import zlib
from typing import Protocol

from xray_backend.errors import BadRequest

__all__ = ["GzipBody", "Readable"]

MEMBERS = 100  # a client compresses once, and what is left of a piece is copied for each further member
_GZIP = 16 + zlib.MAX_WBITS


class Readable(Protocol):
    """The body as it arrives."""

    def read(self, size: int) -> bytes:
        """Return some bytes, none at the end."""


class GzipBody:
    """Reads all members of the gzip file that another body is."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._member = zlib.decompressobj(_GZIP)
        self._members = 1
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return some bytes, none at the end. Raises as the source, and `BadRequest` if this is not valid gzip."""
        while self._has_more(size):
            try:
                found = self._member.decompress(self._rest, size)
            except zlib.error:
                raise BadRequest("The body is not valid gzip.") from None
            self._rest = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if found:
                return found
        return b""

    def _has_more(self, size: int) -> bool:
        """See to it that there are bytes to inflate."""
        self._rest = self._rest or self._source.read(size)
        if not self._rest and not self._member.eof:
            raise BadRequest("The gzip body ends too early.")
        if self._rest and self._member.eof:
            self._begin_member()
        return bool(self._rest)

    def _begin_member(self) -> None:
        self._members += 1
        if self._members > MEMBERS:
            raise BadRequest(f"The gzip body has more than {MEMBERS} members; compress it as one.")
        self._member = zlib.decompressobj(_GZIP)
