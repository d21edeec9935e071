"""The quick way through a request that is as most are: all its events are decoded at once."""

from collections.abc import Sequence
from typing import Final

import msgspec

from xray_backend.ingest.limits import Limits
from xray_backend.ingest.shapes import Event
from xray_backend.ingest.strict_json import holds_escaped_colon

__all__ = ["decoded_batch"]


class _Body(msgspec.Struct):
    events: list[Event]


_decode: Final = msgspec.json.Decoder(_Body).decode
_encode: Final = msgspec.json.Encoder().encode

_WRITTEN_TIMES: Final = (b'"timestamp":"', b'"createdAt":"', b'"endedAt":"')
"""A time as text is encoded with a colon more than it may have been written with."""


def decoded_batch(body: bytes, limits: Limits) -> Sequence[tuple[bytes, Event]] | None:
    """Return the events with their JSON; None where one may be at fault, so that each must be looked at by itself.

    Nothing was dropped from a body that has as many colons as what became of it: no key that comes twice, no field
    that is not known, nothing beside the events.
    """
    try:
        events = _decode(body).events
        texts = [_encode(event) for event in events]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        return None
    if not 0 < len(events) <= limits.max_events:
        return None
    joined = b",".join(texts)
    surplus_bytes = len(body) - len(joined)
    is_as_written = (
        body.count(b":") == joined.count(b":") + 1
        and not holds_escaped_colon(body)
        and not any(mark in joined for mark in _WRITTEN_TIMES)
        and max(map(len, texts)) + max(surplus_bytes, 0) <= limits.max_event_bytes  # as the client wrote them
    )
    return list(zip(texts, events, strict=True)) if is_as_written else None
