"""A step as the wire contract has it."""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from xray_trace.capture.shape import Summary, summary_of
from xray_trace.events import Part, StepEvent

__all__ = ["step_json"]

_Summary: TypeAlias = Summary | Raw

_encode = msgspec.json.Encoder().encode
_NOTHING = Raw(b"{}")


class _Reference(msgspec.Struct, rename="camel", gc=False):
    data_id: str
    type: str | None
    key: str


class _Step(msgspec.Struct, rename="camel", gc=False):
    type: str
    step_id: str
    trace_id: str
    step_name: str | None
    step_number: int | None
    timestamp: float
    """Milliseconds since the Unix epoch."""
    metadata: Raw
    parent_step_id: str | UnsetType
    duration_ms: float | UnsetType
    artifacts: list[_Reference] | Raw | UnsetType
    inputs: dict[str, _Summary] | UnsetType
    output: _Summary | UnsetType
    pending: bool | UnsetType


def step_json(trace_id: str, event: StepEvent, parts: Sequence[Part], data_ids: Sequence[str | None]) -> bytes:
    """Return the event as JSON; of several parts of one name the summary of the last is shown.

    `data_ids` are those of the parts one by one, None for a value that is lost.
    """
    references: list[_Reference] = []
    inputs: dict[str, _Summary] = {}
    output: _Summary | UnsetType = UNSET
    for part, data_id in zip(parts, data_ids, strict=True):
        if data_id is not None:
            references.append(_Reference(data_id, part.role, part.key))
        if part.summary == b"" or not part.listed:
            continue
        if part.role == "input":
            inputs[part.key] = summary_of(part.summary, part.body)
        elif part.role == "output":
            output = summary_of(part.summary, part.body)
    step = _Step(
        event.type,
        event.step_id,
        trace_id,
        event.name,
        event.number,
        _milliseconds(event.at_seconds),
        _NOTHING if event.metadata == b"{}" else Raw(event.metadata),
        UNSET if event.parent_id is None else event.parent_id,
        UNSET if event.duration_seconds is None else _milliseconds(event.duration_seconds),
        references or (Raw(event.artifacts) if event.artifacts else UNSET),
        inputs or UNSET,
        output,
        True if event.pending else UNSET,
    )
    return _encode(step)


def _milliseconds(seconds: float) -> float:
    """Return milliseconds, to the microsecond: more digits would mean nothing."""
    return int(seconds * 1_000_000) / 1000
