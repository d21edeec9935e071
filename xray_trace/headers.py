"""The headers that take a trace from one process to the next: W3C's `traceparent`, and our own `xray-context`.

`traceparent` (W3C Trace Context, level 1, section 3.2) has room for 16 bytes of a trace's id and 8 of a step's. Ours
says what does not fit: the ids as they are, the last number that a step was given, and whether the trace is recorded.
"""

import re
from collections.abc import Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = ["CONTEXT", "TRACEPARENT", "Caller", "Span", "read_headers", "span_of", "write_headers"]

TRACEPARENT = "traceparent"
CONTEXT = "xray-context"
_LENGTHS = {len(TRACEPARENT), len(CONTEXT)}

_ID = "[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}"  # the wire contract's
_CALLER = re.compile(rf"trace=({_ID})(?:;step=({_ID}))?;number=(\d{{1,9}});sampled=([01])(;end=1)?(?:;.*)?", re.ASCII)
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.ASCII)
_HEXADECIMAL = re.compile(r"[0-9a-f]{32}", re.ASCII)
_MAX_CHARACTERS = 1000  # two ids of 200, their names, and room for what a later version adds
_MAX_NUMBER = 999_999_999


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
    if step_id is None:
        return _trace_digits(trace_id), _digest(trace_id, 16)
    if _HEXADECIMAL.fullmatch(step_id):  # one of ours: the process's digits, and a count
        return _trace_digits(trace_id), f"{int(step_id[:16], 16) ^ int(step_id[16:], 16) or 1:016x}"
    return _trace_digits(trace_id), _digest(step_id, 16)


@lru_cache(64)  # a program calls from few traces at one time
def _trace_digits(trace_id: str) -> str:
    found = _UUID.search(trace_id)
    return found.group().replace("-", "") if found else _digest(trace_id, 32)


def read_headers(headers: object) -> Caller | Span | None:
    """Return who called: by our header, or where that is missing or makes no sense by W3C's, else None.

    Takes a mapping, or pairs of names and values; both may be bytes, and the case of a name does not matter.
    """
    as_written = type(headers) is dict and CONTEXT in headers
    found: Mapping[Any, object] = headers if as_written else _find(headers)  # type: ignore[assignment]
    return _read_caller(_text(found.get(CONTEXT))) or _read_span(_text(found.get(TRACEPARENT)))


def write_headers(headers: MutableMapping[str, Any], caller: Caller, span: Span | None) -> None:
    """Write both; `span` is the current one of another tracer of this program, whose header comes first."""
    parent, context = _names_in(headers) if headers else (TRACEPARENT, CONTEXT)
    if span is None:
        headers[parent] = _parent_text(*span_of(caller.trace_id, caller.step_id), caller.is_sampled)
    elif not _is_of_trace(_text(headers.get(parent)), span):  # else the other tracer wrote it, of a span of its own
        headers[parent] = _parent_text(*span)
    headers[context] = _caller_text(caller)


def _names_in(headers: Iterable[Any]) -> tuple[Any, Any]:
    """Return both names, as the headers write them where they are there."""
    names = {str(name).lower(): name for name in headers if len(name) in _LENGTHS}
    return names.get(TRACEPARENT, TRACEPARENT), names.get(CONTEXT, CONTEXT)


def _parent_text(trace_id: str, span_id: str, is_sampled: bool) -> str:
    return f"00-{trace_id}-{span_id}-{'01' if is_sampled else '00'}"


def _is_of_trace(text: str, span: Span) -> bool:
    written = _read_span(text)
    return written is not None and written.trace_id == span.trace_id


def _caller_text(caller: Caller) -> str:
    step = f";step={caller.step_id}" if caller.step_id else ""
    end = ";end=1" if caller.is_handed_over else ""
    number = min(caller.last_number, _MAX_NUMBER)
    return f"trace={caller.trace_id}{step};number={number};sampled={int(caller.is_sampled)}{end}"


def _read_caller(text: str) -> Caller | None:
    match = _CALLER.fullmatch(text[:_MAX_CHARACTERS])
    if match is None:
        return None
    trace_id, step_id, number, sampled, end = match.groups()
    return Caller(trace_id, step_id, int(number), sampled == "1", end is not None)


def _read_span(text: str) -> Span | None:
    """Read by the rules of section 3.2.2: later versions may add fields, version 00 may not, and zeros are no ids."""
    match = _PARENT.fullmatch(text.strip()[:_MAX_CHARACTERS])
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or int(trace_id, 16) == 0 or int(span_id, 16) == 0:
        return None
    return Span(trace_id, span_id, int(flags, 16) & 1 == 1)


def _find(headers: object) -> dict[str, object]:
    items = getattr(headers, "items", None)  # of a mapping, and of what is like one, such as `http.server`'s headers
    pairs = items() if callable(items) else headers
    if not isinstance(pairs, Iterable):
        return {}
    texts = ((_text(pair[0]).lower(), pair[1]) for pair in pairs if isinstance(pair, (tuple, list)) and len(pair) == 2)
    return {name: value for name, value in texts if name in (CONTEXT, TRACEPARENT)}


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""


def _digest(text: str, digits: int) -> str:
    import hashlib  # imported with the first id of another kind, like in `ids`

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
