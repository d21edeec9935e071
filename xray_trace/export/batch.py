"""Batches: the body of one request to the server, as it lies on disk."""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate

import msgspec

__all__ = ["MAX_BODY_BYTES", "MAX_EVENTS", "batch_body", "batch_events", "split_batches", "validated_events"]

MAX_EVENTS = 1000  # the server's limit for one request
MAX_BODY_BYTES = 5 * 1024 * 1024  # the server's limit for one request

_HEAD = b'{"events":[\n'
_JOINT = b",\n"
_TAIL = b"\n]}"

_EVENT_START = re.compile(rb'\{"type":"')
_EVENT_TYPES = {"trace-start", "trace-success", "trace-failure", "step", "step-error", "trace-error", "data"}
"""Told from an object inside an event, such as a value's summary, which may begin like one."""


def batch_body(events: Sequence[bytes]) -> bytes:
    """Return the request's body: one event a line, in order."""
    return _HEAD + _JOINT.join(events) + _TAIL


def batch_events(body: bytes) -> list[bytes]:
    """Return the events of a body that `batch_body` made; JSON from an encoder has no line break inside."""
    return body[len(_HEAD) : len(body) - len(_TAIL)].split(_JOINT)


def split_batches(events: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Cut the events into batches that the server takes."""
    for start in range(0, len(events), MAX_EVENTS):
        batch = events[start : start + MAX_EVENTS]
        while len(batch) > 1 and _size(batch) > MAX_BODY_BYTES:
            sizes = accumulate(len(event) + len(_JOINT) for event in batch)
            fitting = bisect_right(list(sizes), MAX_BODY_BYTES - len(_HEAD) - len(_TAIL)) or 1
            yield batch[:fitting]
            batch = batch[fitting:]
        yield batch


def _size(events: Sequence[bytes]) -> int:
    return len(_HEAD) + sum(map(len, events)) + len(events) * len(_JOINT) + len(_TAIL)


def validated_events(body: bytes) -> tuple[list[bytes], int]:
    """Return the good events of a body that may be damaged, and how many were not."""
    good: list[bytes] = []
    bad = 0
    for line in body.split(b"\n"):
        event = line.strip().removesuffix(b",")
        if event in (b"", b'{"events":[', b"]}"):
            continue
        if _is_event(event):
            good.append(event)
        else:
            whole, torn = _untangled(event)
            good += whole
            bad += torn
    return good, bad


def _untangled(line: bytes) -> tuple[list[bytes], int]:
    """Return the whole events of a line in which another's begins where one broke off, and how many are torn."""
    places = [match.start() for match in _EVENT_START.finditer(line)] + [len(line)]
    good: list[bytes] = []
    torn, position, is_torn = 0, 0, False
    while position < len(line):
        ends = [place for place in places if place > position]
        end = next((end for end in reversed(ends) if _is_event(line[position:end].rstrip(b","), _EVENT_TYPES)), None)
        if end is not None:
            good.append(line[position:end].rstrip(b","))
        else:
            torn += not is_torn
        is_torn = end is None
        position = end or ends[0]
    return good, torn


def _is_event(line: bytes, types: Collection[str] | None = None) -> bool:
    try:
        event = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    kind = event.get("type") if isinstance(event, dict) else None
    return isinstance(kind, str) and (types is None or (kind in types and "traceId" in event))
