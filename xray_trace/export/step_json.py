"""A step as the wire contract has it."""

from collections.abc import Sequence

import msgspec

from xray_trace.capture.shape import summary_of
from xray_trace.events import Part, StepEvent

__all__ = ["step_json"]

_encode = msgspec.json.Encoder().encode


def step_json(trace_id: str, event: StepEvent, references: Sequence[tuple[Part, str]], parts: Sequence[Part]) -> bytes:
    """Return the event as JSON; `references` are those parts whose values have a data id."""
    members = [
        b'{"type":"%b","stepId":%b,"traceId":%b,"stepName":%b,"stepNumber":%b,"timestamp":%.3f,"metadata":%b'
        % (
            event.type.encode(),
            _encode(event.step_id),
            _encode(trace_id),
            _encode(event.name),
            _encode(event.number),
            event.at_seconds * 1000,
            event.metadata,
        )
    ]
    if event.parent_id is not None:
        members.append(b'"parentStepId":' + _encode(event.parent_id))
    if event.duration_seconds is not None:
        members.append(b'"durationMs":%.3f' % (event.duration_seconds * 1000))
    if references:
        members.append(b'"artifacts":[%b]' % b",".join([_artifact(part, data_id) for part, data_id in references]))
    elif event.artifacts:
        members.append(b'"artifacts":' + event.artifacts)
    members += _summaries(parts)
    return b",".join(members) + b"}"


def _artifact(part: Part, data_id: str) -> bytes:
    return b'{"dataId":%b,"type":%b,"key":%b}' % (_encode(data_id), _encode(part.role), _encode(part.key))


def _summaries(parts: Sequence[Part]) -> list[bytes]:
    """Return the members `inputs` and `output`; of several parts of one name the last is shown."""
    inputs: dict[str, bytes] = {}
    output = b""
    for part in parts:
        if part.listed and part.summary != b"":
            if part.role == "input":
                inputs[part.key] = summary_of(part.summary, part.body)
            elif part.role == "output":
                output = summary_of(part.summary, part.body)
    members = []
    if inputs:
        members.append(b'"inputs":{%b}' % b",".join([_encode(key) + b":" + text for key, text in inputs.items()]))
    if output:
        members.append(b'"output":' + output)
    return members
