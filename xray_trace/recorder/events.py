"""The events of the wire contract, as JSON without the parts that the background adds."""

from typing import Literal

import msgspec

__all__ = ["StepType", "name_json", "step_event", "to_json", "trace_end_event", "trace_start_event"]

StepType = Literal["step", "step-error", "trace-error"]

to_json = msgspec.json.Encoder().encode

_MAX_NAME_CHARACTERS = 200  # a name is a label to group by; the server refuses a longer one


def name_json(name: str | None) -> bytes:
    """Return a trace's or step's name as JSON, shortened where the server would refuse it."""
    if name is None:
        return b"null"
    name = name[:_MAX_NAME_CHARACTERS]
    try:
        return to_json(name)
    except UnicodeEncodeError:  # a lone surrogate
        return to_json(name.encode("utf-8", "backslashreplace").decode()[:_MAX_NAME_CHARACTERS])


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


def step_event(
    kind: StepType,
    *,
    step_id: str,
    trace_id: bytes,
    name: bytes,
    number: int | None,
    at_ms: float,
    metadata: bytes,
    parent_id: str | None = None,
    duration_ms: float | None = None,
) -> bytes:
    """Build a `step`, `step-error` or `trace-error`.

    Formatting fragments that are JSON already costs a third of encoding a dict: this runs in the caller's thread.
    """
    tail = b"}"
    if duration_ms is not None:
        tail = b',"durationMs":%.3f}' % duration_ms
    if parent_id is not None:
        tail = b',"parentStepId":"%b"%b' % (parent_id.encode(), tail)
    return b'{"type":"%b","stepId":"%b","traceId":%b,"stepName":%b,"stepNumber":%b,"timestamp":%.3f,"metadata":%b%b' % (
        kind.encode(),
        step_id.encode(),
        trace_id,
        name,
        b"null" if number is None else b"%d" % number,
        at_ms,
        metadata,
        tail,
    )
