"""What is told of a step or trace that has not ended: that it runs, and what if its process dies."""

import msgspec

from xray_trace.capture.shape import without_body
from xray_trace.events import Part
from xray_trace.recorder.failure import describe_error

__all__ = ["ProcessEnded", "ended_with_process", "is_large", "named"]

_INLINE_MAX_BYTES = 16 * 1024  # of a value beside a note; as much as the wire contract carries inline

_RawObject = dict[str, msgspec.Raw]
_decode = msgspec.json.Decoder(_RawObject).decode
_encode = msgspec.json.Encoder().encode


class ProcessEnded(Exception):
    """The process ended while a step or trace was running; recorded, never raised."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the process ended while this {what} was running")


ProcessEnded.__module__ = "builtins"  # nobody can catch it, so it is told by its name alone


def ended_with_process(metadata: bytes, what: str) -> bytes:
    """Return the metadata of something that its process did not survive."""
    return _encode({**_decode(metadata), **describe_error(ProcessEnded(what), with_stack=False)})


def is_large(part: Part) -> bool:
    """Tell whether the value is too large to be kept twice."""
    return part.body is not None and len(part.body) > _INLINE_MAX_BYTES


def named(part: Part) -> Part:
    """Return a part that names its value alone, where that is large; the value goes with another record."""
    return without_body(part) if is_large(part) else part
