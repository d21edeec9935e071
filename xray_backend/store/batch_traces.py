"""Which traces a batch of events tells of, how old what it tells is, and the batch without some of them."""

from collections.abc import Iterator, Set
from dataclasses import replace
from typing import Final

from xray_backend.store.records import EventBatch, TraceEvent
from xray_backend.store.trace_state import seen_at

__all__ = [
    "DAY_MS",
    "VALUE_WAITS_MS",
    "count_events",
    "events_by_trace",
    "trace_ids",
    "traces_older_than",
    "without_traces",
]

DAY_MS: Final = 24 * 60 * 60 * 1000

VALUE_WAITS_MS: Final = 15 * 60 * 1000
"""A value tells no time, and may come before the step that it belongs to: a trace that one came to is not too old for
so long, whatever else it holds."""


def count_events(batch: EventBatch) -> int:
    """Count the events that a batch holds."""
    return len(batch.traces) + len(batch.steps) + len(batch.data)


def trace_ids(batch: EventBatch) -> set[str]:
    """Return all traces that a batch tells of."""
    return {document.trace_id for part in (batch.traces, batch.steps, batch.data) for document in part}


def events_by_trace(batch: EventBatch) -> dict[str, list[TraceEvent]]:
    """Group by trace, in one fixed order of traces; of all steps of a trace only the earliest tells it anything."""
    groups: dict[str, list[TraceEvent]] = {}
    for event in batch.traces:
        groups.setdefault(event.trace_id, []).append(event)
    earliest: dict[str, float] = {}
    for step in batch.steps:
        known = earliest.get(step.trace_id)
        if known is None or step.timestamp_ms < known:
            earliest[step.trace_id] = step.timestamp_ms
    for trace_id, time_ms in earliest.items():
        groups.setdefault(trace_id, []).append(seen_at(trace_id, time_ms))
    return groups


def traces_older_than(batch: EventBatch, horizon_ms: int) -> set[str]:
    """Return the traces of which all that a batch tells is older."""
    newest: dict[str, float] = {}
    for trace_id, time_ms in _times(batch):
        newest[trace_id] = max(time_ms, newest.get(trace_id, time_ms))
    return {trace_id for trace_id, time_ms in newest.items() if time_ms < horizon_ms}


def without_traces(batch: EventBatch, gone: Set[str]) -> EventBatch:
    """Return what a batch tells of others: the batch itself if that is all."""
    if not gone:
        return batch
    return replace(
        batch,  # the shapes stay: they are the project's, and name no trace
        traces=[event for event in batch.traces if event.trace_id not in gone],
        steps=[step for step in batch.steps if step.trace_id not in gone],
        data=[record for record in batch.data if record.trace_id not in gone],
    )


def _times(batch: EventBatch) -> Iterator[tuple[str, float]]:
    for event in batch.traces:
        for time_ms in (event.created_at_ms, event.ended_at_ms, event.timestamp_ms):
            if time_ms is not None:
                yield event.trace_id, time_ms
    for step in batch.steps:
        yield step.trace_id, step.timestamp_ms
