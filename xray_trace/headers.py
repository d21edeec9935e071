"""The headers that take a trace from one process to the next: W3C's `traceparent`, and our own `xray-context`.

`traceparent` (W3C Trace Context, level 1, section 3.2) has room for 16 bytes of a trace's id and 8 of a step's. Ours
says what does not fit: the ids as they are, the last number that a step was given, and whether the trace is recorded.
"""

import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, NamedTuple

from xray_trace.ids import is_valid_id

__all__ = ["Caller", "Span", "read_headers", "span_of", "write_headers"]

_TRACEPARENT = "traceparent"
_CONTEXT = "xray-context"

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.ASCII)
_HEXADECIMAL = re.compile(r"[0-9a-f]{32}", re.ASCII)
_MAX_CHARACTERS = 1000  # two ids of 200, their names, and room for what a later version adds
_MAX_NUMBER = 2**31 - 1


class Span(NamedTuple):
    """What W3C's header says of a caller."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits."""
    is_sampled: bool = True


class Caller(NamedTuple):
    """The step that called, in another process."""

    trace_id: str
    step_id: str | None
    """None where the caller was in no step."""
    last_number: int
    """The last number that a step of the trace was given there."""
    is_sampled: bool
    is_handed_over: bool = False
    """Whether the trace is for the called to end."""


def span_of(trace_id: str, step_id: str | None) -> tuple[str, str]:
    """Return what stands for a trace and a step of it in W3C's header; the same for the same, always.

    An id that ends in a UUID has its digits, so that the trace is found again where the other header is lost.
    """
    found = _UUID.search(trace_id)
    trace_digits = found.group().replace("-", "") if found else _digest(trace_id, 32)
    if step_id is None:
        return trace_digits, _digest(trace_id, 16)
    if _HEXADECIMAL.fullmatch(step_id):  # one of ours: the process's digits, and a count
        return trace_digits, f"{int(step_id[:16], 16) ^ int(step_id[16:], 16) or 1:016x}"
    return trace_digits, _digest(step_id, 16)


def read_headers(headers: object) -> tuple[Caller | None, Span | None]:
    """Return what our header says, and what W3C's does; None for one that is missing or makes no sense.

    Takes a mapping, or pairs of names and values; both may be bytes, and the case of a name does not matter.
    """
    found = _find(headers)
    return _read_caller(found.get(_CONTEXT, "")), _read_span(found.get(_TRACEPARENT, ""))


def write_headers(headers: MutableMapping[str, Any], caller: Caller, span: Span | None) -> None:
    """Write both; `span` is the current one of another tracer of this program, whose header comes first."""
    names = {str(name).lower(): name for name in headers}
    before = names.get(_TRACEPARENT)
    written = None if before is None else _read_span(_text(headers[before]))
    if span is None:
        span = Span(*span_of(caller.trace_id, caller.step_id), caller.is_sampled)
        written = None
    if written is None or written.trace_id != span.trace_id:  # else the other tracer wrote it, of a span of its own
        headers[before or _TRACEPARENT] = f"00-{span.trace_id}-{span.span_id}-{'01' if span.is_sampled else '00'}"
    headers[names.get(_CONTEXT, _CONTEXT)] = _write_caller(caller)


def _write_caller(caller: Caller) -> str:
    step = f"step={caller.step_id};" if caller.step_id else ""
    end = ";end=1" if caller.is_handed_over else ""
    return f"trace={caller.trace_id};{step}number={caller.last_number};sampled={int(caller.is_sampled)}{end}"


def _read_caller(text: str) -> Caller | None:
    fields = dict(part.strip().partition("=")[::2] for part in text[:_MAX_CHARACTERS].split(";"))
    trace_id, step_id, number = fields.get("trace"), fields.get("step"), fields.get("number", "0")
    if not is_valid_id(trace_id) or not (step_id is None or is_valid_id(step_id)):
        return None
    if not (number.isascii() and number.isdecimal() and len(number) <= 10 and int(number) <= _MAX_NUMBER):
        return None
    return Caller(str(trace_id), step_id, int(number), fields.get("sampled") != "0", fields.get("end") == "1")


def _read_span(text: str) -> Span | None:
    """Read by the rules of section 3.2.2: later versions may add fields, version 00 may not, and zeros are no ids."""
    match = _PARENT.fullmatch(text.strip()[:_MAX_CHARACTERS])
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or int(trace_id, 16) == 0 or int(span_id, 16) == 0:
        return None
    return Span(trace_id, span_id, int(flags, 16) & 1 == 1)


def _find(headers: object) -> dict[str, str]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    if not isinstance(pairs, Iterable):
        return {}
    texts = ((_text(pair[0]).lower(), pair[1]) for pair in pairs if isinstance(pair, (tuple, list)) and len(pair) == 2)
    return {name: _text(value) for name, value in texts if name in (_CONTEXT, _TRACEPARENT)}


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""


def _digest(text: str, digits: int) -> str:
    import hashlib  # imported with the first id of another kind, like in `ids`

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
