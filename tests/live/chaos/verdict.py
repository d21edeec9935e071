"""What is missing, there twice, or not as it was recorded, in words."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timezone

from tests.live.chaos.labels import LARGE_BYTES, content_of
from tests.live.chaos.queue import Event
from tests.live.chaos.recording import Told
from tests.live.chaos.stored import Stored

__all__ = ["faults"]

KEYS = {"label", "payload", "return"}
LINKS = 4  # of a project are followed: each is a question to a database that is slow here
TIMES = ("createdAt", "endedAt", "timestamp")


def faults(told: Told, deleted: Collection[str], stored: Stored, events: Iterable[Event]) -> Iterator[str]:
    """Tell what of a project is not as its program told it, or not as the events in the queue say."""
    steps = {label: trace_id for label, trace_id in told.steps.items() if trace_id not in deleted}
    traces = {label: said for label, said in told.traces.items() if said["traceId"] not in deleted}
    yield from _miscounted("the API", steps, stored.steps)
    yield from _miscounted("the database", steps, stored.documents["steps"])
    yield from _wrong_values(stored)
    yield from _wrong_traces(traces, stored, events)
    yield from _not_deleted(stored, deleted)
    yield from _wrong_books(told)


def _miscounted(who: str, told: Mapping[str, str], steps: Iterable[Event]) -> Iterator[str]:
    found = Counter((step["metadata"]["label"], step["traceId"]) for step in steps)
    for label, trace_id in told.items():
        if found[label, trace_id] != 1:
            yield f"{who} has the step {label} {found[label, trace_id]} times"
    for label, trace_id in found.keys() - told.items():
        yield f"{who} has a step {label} of the trace {trace_id}, which nobody recorded"


def _wrong_values(stored: Stored) -> Iterator[str]:
    records = {record["dataId"]: record for record in stored.documents["data"]}
    linked = 0
    for step in stored.steps:
        label = step["metadata"]["label"]
        data_ids = {artifact["key"]: artifact["dataId"] for artifact in step["artifacts"]}
        if data_ids.keys() != KEYS or not records.keys() >= set(data_ids.values()):
            yield f"the step {label} has the values {data_ids}, and records of {records.keys() & data_ids.values()}"
            continue
        record, expected = records[data_ids["payload"]], content_of(label)
        is_large = len(expected) >= LARGE_BYTES
        found = {stored.in_bucket(record) if is_large else bytes(record["content"])}
        if is_large and linked < LINKS:
            found.add(stored.linked(record))
            linked += 1
        if found != {expected}:
            yield f"the payload of {label} is other bytes: {[one[:80] for one in found]}"


def _wrong_traces(told: Mapping[str, Event], stored: Stored, events: Iterable[Event]) -> Iterator[str]:
    by_trace = defaultdict(list)
    for event in events:
        by_trace[event["traceId"]].append(event)
    found = {trace["traceId"]: trace for trace in stored.traces}
    for who, traces in (("the API", stored.traces), ("the database", stored.documents["traces"])):
        if Counter(trace["traceId"] for trace in traces) != Counter(said["traceId"] for said in told.values()):
            yield f"{who} has {len(traces)} traces of the {len(told)} that were recorded"
    for label, said in told.items():
        trace = found.get(said["traceId"], {})
        expected = _expected_trace(label, said["status"], by_trace[said["traceId"]])
        differing = {name: trace.get(name) for name, value in expected.items() if trace.get(name) != value}
        if differing:
            yield f"the trace {label} has {differing}, and its events say {expected}"


def _expected_trace(label: str, status: str, events: list[Event]) -> Event:
    """Return what a trace of these events is, by the wire contract."""
    times = [event[name] for event in events for name in TIMES if name in event]
    ends = [event["endedAt"] for event in events if event["type"] == f"trace-{status}"]
    metadata = {"run": label.partition("/")[0], "label": label, "annotated": label}
    return {
        "status": status,
        "metadata": metadata,
        f"{status}Metadata": {"ended": label},
        "createdAt": _shown(min(times, default=0)),
        "endedAt": _shown(max(ends, default=0)),
    }


def _shown(time_ms: float) -> str:
    """Return a time as an answer holds it."""
    time = datetime.fromtimestamp(int(time_ms) // 1000, timezone.utc)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{int(time_ms) % 1000:03}Z"


def _wrong_books(told: Told) -> Iterator[str]:
    for books in told.books:
        if books["recorded"] != books["delivered"] or books["pending"] or books["dropped"] or books["swallowed"]:
            yield f"an SDK's books do not add up: {books}"


def _not_deleted(stored: Stored, deleted: Collection[str]) -> Iterator[str]:
    """Tell of deleted traces that are there; that nothing lies in the database is seen by whoever counts that."""
    for trace_id in sorted(deleted)[:LINKS]:
        if stored.shows(trace_id):
            yield f"the API shows the trace {trace_id}, which was deleted"
    for record in stored.documents["data"]:
        if record["traceId"] in deleted:
            yield f"the database has the value {record['dataId']} of the trace {record['traceId']}, which was deleted"
