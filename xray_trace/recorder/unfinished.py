"""What is told of a step or trace that has not ended: that it runs, and what if its process dies."""

import msgspec

from xray_trace.capture.shape import without_body
from xray_trace.events import Part

__all__ = ["ended_with_process", "is_large", "named"]

_INLINE_MAX_BYTES = 16 * 1024  # of a value beside a note; as much as the wire contract carries inline

_RawObject = dict[str, msgspec.Raw]
_decode = msgspec.json.Decoder(_RawObject).decode
_encode = msgspec.json.Encoder().encode


def ended_with_process(metadata: bytes, what: str) -> bytes:
    """Return the metadata of something that its process did not survive."""
    described = {"error": f"the process ended while this {what} was running", "errorType": "ProcessEnded"}
    return _encode({**_decode(metadata), **described})


def is_large(part: Part) -> bool:
    """Tell whether the value is too large to be kept twice."""
    return part.body is not None and len(part.body) > _INLINE_MAX_BYTES


def named(part: Part) -> Part:
    """Return a part that names its value alone, where that is large; the value goes with another record."""
    return without_body(part) if is_large(part) else part
