"""RunningNote: the file that tells, after a process has died, what it was doing."""

from typing import NamedTuple

import msgspec

from xray_trace.events import Record, StepEvent, decode_record, encode_record
from xray_trace.export.frames import to_frame, unframe

__all__ = ["EndOf", "RunningNote", "closed_at", "end_of", "seen_line"]

EndOf = tuple[str, str]
"""What an event ends: `step` or `trace`, and the id."""

_SEEN_BYTES = 16  # milliseconds until the year 33658, and a line break

_RawObject = dict[str, msgspec.Raw]
_decode = msgspec.json.Decoder(_RawObject).decode
_encode = msgspec.json.Encoder().encode


class _Event(msgspec.Struct, rename="camel"):
    type: str
    trace_id: str
    step_id: str | None = None
    pending: bool | None = None
    created_at: float | None = None


_event_decoder = msgspec.json.Decoder(_Event)


class RunningNote(NamedTuple):
    """When a step or trace was last seen running, and what is to be told if nothing else is heard of it."""

    seen_ms: float
    closing: Record

    def encode(self) -> bytes:
        """Return the file's content; its first line is `seen_line`, which can be written over."""
        return seen_line(self.seen_ms) + to_frame(encode_record(self.closing))

    @classmethod
    def decode(cls, content: bytes) -> "RunningNote":
        """Return what the file tells; raises ValueError or a MsgspecError if it is damaged."""
        payload = next(unframe(content[_SEEN_BYTES:], damaged=True), None)
        note = cls(float(content[:_SEEN_BYTES]), decode_record(payload or b""))
        if end_of(note.closing.event) is None:
            raise ValueError("it tells of no end")
        return note


def seen_line(seen_ms: float) -> bytes:
    """Return the first line of a note."""
    return b"%015d\n" % seen_ms


def end_of(event: bytes | StepEvent) -> EndOf | None:
    """Return what the event ends; None where it ends nothing, as a pending step's, or cannot be read."""
    if isinstance(event, StepEvent):
        return None if event.pending else ("step", event.step_id)
    try:
        found = _event_decoder.decode(event)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if found.type in ("trace-success", "trace-failure"):
        return "trace", found.trace_id
    if found.step_id is not None and not found.pending:
        return "step", found.step_id
    return None


def closed_at(record: Record, seen_ms: float) -> Record:
    """Return the record with the time at which what it closes was last seen running."""
    event = record.event
    if isinstance(event, StepEvent):
        event.duration_seconds = max(0.0, seen_ms / 1000 - event.at_seconds)
        return record
    fields: dict[str, object] = dict(_decode(event))
    fields["endedAt"] = max(seen_ms, _event_decoder.decode(event).created_at or 0.0)
    return Record(record.trace_id, _encode(fields), record.parts)
