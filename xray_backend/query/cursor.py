"""Cursors: where a page of a query ended, in a text that only this server can make and only that query can use.

The text is a position and a MAC over the position and the query, under a key derived from the server's secret. A
hash of the query alone would tell the cursors of two queries apart as well, but anyone could then make one up; with
the MAC, a position that comes back is one that the server gave out. The key is derived, so that a MAC made here
says nothing in another place where the same secret signs.
"""

import base64
import binascii
import hmac
from typing import Any, NamedTuple, TypeVar

import msgspec

from xray_backend.errors import BadRequest

__all__ = ["CursorCodec", "FieldPosition", "Position", "StepPosition", "TracePosition", "binding"]

_P = TypeVar("_P")


class Position(NamedTuple):
    """Where a page of documents, newest first, ended."""

    time_ms: int
    object_id: str


class FieldPosition(NamedTuple):
    """Where a page of documents in the order of a field ended.

    It holds the field's value, which may be the merged metadata of a long trace; only a request's body has a limit.
    """

    kind: int
    """The place of the value's type in the order of types, as the store has it."""
    value: Any
    object_id: str


class StepPosition(NamedTuple):
    """Where a page of a trace's steps ended."""

    step_number: int | None
    time_ms: int
    step_id: str


class TracePosition(NamedTuple):
    """Where a page of a trace's steps and their data ended."""

    after: StepPosition | None = None
    """The last step of which everything was given; None before the first."""
    step_id: str | None = None
    """The step that follows, where it was given with some of its data."""
    data_given: int = 0
    """How many of the data that it names."""


# Half of SHA-256: beyond guessing, and the cursor stays short in a URL.
_MAC_BYTES = 16

_encoder = msgspec.json.Encoder()


def binding(project_id: str, collection: str, query: object) -> bytes:
    """Return what makes two queries the same: project, collection and all else that chooses or orders the rows."""
    return _encoder.encode([project_id, collection, query])


class CursorCodec:
    """Makes and reads cursors under one secret, which all processes of a server share."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"xray-trace query cursor 1", "sha256")

    def encode(self, position: Position | FieldPosition | TracePosition, binding: bytes) -> str:
        """Return the cursor of a position in the query of this binding."""
        payload = _encoder.encode(position)
        return base64.urlsafe_b64encode(self._mac(payload, binding) + payload).rstrip(b"=").decode()

    def decode(self, text: str, binding: bytes, shape: type[_P]) -> _P:
        """Return the position. Raises `BadRequest` if the cursor is not this server's or not of this query."""
        mac, payload = _taken_apart(text)
        if not hmac.compare_digest(mac, self._mac(payload, binding)):
            raise BadRequest(
                "The cursor belongs to another query or was altered; use the nextCursor of this very query, unchanged."
            )
        return msgspec.json.decode(payload, type=shape)

    def _mac(self, payload: bytes, binding: bytes) -> bytes:
        # The payload is JSON without line ends, so the parts cannot run into each other.
        return hmac.digest(self._key, payload + b"\n" + binding, "sha256")[:_MAC_BYTES]


def _taken_apart(text: str) -> tuple[bytes, bytes]:
    try:
        letters = text.encode("ascii")
        raw = base64.b64decode(letters + b"=" * (-len(letters) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    if len(raw) <= _MAC_BYTES:
        raise BadRequest("The cursor is not one of this server's; use the nextCursor of the page before.")
    return raw[:_MAC_BYTES], raw[_MAC_BYTES:]
