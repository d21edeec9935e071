"""A step as the wire contract has it.

Built as text and encoded once: formatting bytes takes three times as long.
"""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from xray_trace.capture.shape import summary_of
from xray_trace.events import Part, StepEvent

__all__ = ["name_json", "step_json"]

_encode = msgspec.json.Encoder().encode

_REMEMBERED_NAMES = 4096  # of arguments, steps and traces, which a program repeats all the time; under a megabyte


@lru_cache(_REMEMBERED_NAMES)
def name_json(name: str | None) -> str:
    """Return as JSON what is repeated from step to step."""
    return _encode(name).decode()


def step_json(trace_id: str, event: StepEvent, references: Sequence[tuple[Part, str]], parts: Sequence[Part]) -> bytes:
    """Return the event as JSON; `references` are those parts whose values have a data id."""
    parent = "" if event.parent_id is None else f',"parentStepId":"{event.parent_id}"'
    duration = "" if event.duration_seconds is None else f',"durationMs":{event.duration_seconds * 1000:.3f}'
    pending = ',"pending":true' if event.pending else ""
    artifacts = f',"artifacts":{event.artifacts.decode()}' if event.artifacts else ""
    if references:
        artifacts = f',"artifacts":[{",".join([_artifact(part, data_id) for part, data_id in references])}]'
    return (
        f'{{"type":"{event.type}","stepId":"{event.step_id}","traceId":{name_json(trace_id)},'
        f'"stepName":{name_json(event.name)},"stepNumber":{"null" if event.number is None else event.number},'
        f'"timestamp":{event.at_seconds * 1000:.3f},"metadata":{event.metadata.decode()}'
        f"{parent}{duration}{artifacts}{_summaries(parts)}{pending}}}"
    ).encode()


def _artifact(part: Part, data_id: str) -> str:
    return f'{{"dataId":"{data_id}",{_role_json(part.role, part.key)}}}'


@lru_cache(_REMEMBERED_NAMES)
def _role_json(role: str | None, key: str) -> str:
    return f'"type":{name_json(role)},"key":{name_json(key)}'


def _summaries(parts: Sequence[Part]) -> str:
    """Return the members `inputs` and `output`; of several parts of one name the last is shown."""
    inputs: dict[str, str] = {}
    output = ""
    for part in parts:
        noted = part.summary
        if noted == b"" or not part.listed:
            continue
        if part.role == "input":
            inputs[part.key] = summary_of(noted, part.body)
        elif part.role == "output":
            output = f',"output":{summary_of(noted, part.body)}'
    if not inputs:
        return output
    return f',"inputs":{{{",".join([f"{name_json(key)}:{text}" for key, text in inputs.items()])}}}{output}'
