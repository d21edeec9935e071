"""The events that tell of a trace, as JSON."""

from typing import Literal

import msgspec

__all__ = ["clean_name", "name_json", "to_json", "trace_end_event", "trace_start_event"]

to_json = msgspec.json.Encoder().encode

_MAX_NAME_CHARACTERS = 200  # a name is a label to group by; the server refuses a longer one


def clean_name(name: str) -> str:
    """Return a trace's or step's name as the server takes it: not too long, and nothing that UTF-8 cannot say."""
    if name.isascii():
        return name[:_MAX_NAME_CHARACTERS]
    return name[:_MAX_NAME_CHARACTERS].encode("utf-8", "backslashreplace").decode()[:_MAX_NAME_CHARACTERS]


def name_json(name: str | None) -> bytes:
    """Return a trace's name as JSON."""
    return b"null" if name is None else to_json(clean_name(name))


def trace_start_event(trace_id: bytes, *, name: bytes, created_ms: float, at_ms: float, metadata: bytes) -> bytes:
    """Build a `trace-start`; every argument in bytes is JSON already."""
    return b'{"type":"trace-start","traceId":%b,"name":%b,"createdAt":%b,"timestamp":%b,"metadata":%b}' % (
        trace_id,
        name,
        b"%.3f" % created_ms,
        b"%.3f" % at_ms,
        metadata,
    )


def trace_end_event(
    trace_id: bytes, status: Literal["success", "failure"], *, created_ms: float, at_ms: float, metadata: bytes
) -> bytes:
    """Build a `trace-success` or a `trace-failure`."""
    kind = status.encode()
    return b'{"type":"trace-%b","traceId":%b,"createdAt":%b,"endedAt":%b,"%bMetadata":%b}' % (
        kind,
        trace_id,
        b"%.3f" % created_ms,
        b"%.3f" % at_ms,
        kind,
        metadata,
    )
