"""What was deleted stays deleted: events of it that come again are left out, in the transaction that stores others."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from xray_backend.store.records import EventBatch

__all__ = ["DAY_MS", "count_events", "without_deleted"]

DAY_MS: Final = 24 * 60 * 60 * 1000

_KNOWN: Final = """
SELECT EXISTS (SELECT 1 FROM deleted_projects WHERE project_id = ?1),
       EXISTS (SELECT 1 FROM deleted_traces WHERE project_id = ?1),
       (SELECT retention_days FROM projects WHERE project_id = ?1)
"""
_DELETED: Final = """
SELECT trace_id FROM deleted_traces WHERE project_id = ? AND trace_id IN (SELECT value FROM json_each(?))
"""
_STORED: Final = "SELECT trace_id FROM traces WHERE project_id = ? AND trace_id IN (SELECT value FROM json_each(?))"


def without_deleted(connection: sqlite3.Connection, batch: EventBatch, now_ms: int) -> EventBatch:
    """Return what may be stored of a batch: the batch itself, nearly always, and then for one look-up."""
    project_id = batch.project_id
    is_deleted, has_tombstones, retention_days = connection.execute(_KNOWN, (project_id,)).fetchone()
    if is_deleted:
        return EventBatch(project_id)
    gone: set[str] = set()
    if has_tombstones:
        gone |= _among(connection, _DELETED, project_id, _trace_ids(batch))
    if retention_days is not None:
        gone |= _expired(connection, batch, now_ms - retention_days * DAY_MS)
    if not gone:
        return batch
    return replace(
        batch,  # the shapes stay: they are the project's, and name no trace
        traces=[event for event in batch.traces if event.trace_id not in gone],
        steps=[step for step in batch.steps if step.trace_id not in gone],
        data=[record for record in batch.data if record.trace_id not in gone],
    )


def count_events(batch: EventBatch) -> int:
    """Count the events that a batch holds."""
    return len(batch.traces) + len(batch.steps) + len(batch.data)


def _expired(connection: sqlite3.Connection, batch: EventBatch, horizon_ms: int) -> set[str]:
    """Find the traces that are not there, and of which all that comes is older than the project keeps.

    Their age stands in the place of a tombstone, of which there would be no end.
    """
    newest: dict[str, float] = {}
    for trace_id, time_ms in _times(batch):
        newest[trace_id] = max(time_ms, newest.get(trace_id, time_ms))
    old = {trace_id for trace_id, time_ms in newest.items() if time_ms < horizon_ms}
    return old - _among(connection, _STORED, batch.project_id, old) if old else old


def _times(batch: EventBatch) -> Iterator[tuple[str, float]]:
    for event in batch.traces:
        for time_ms in (event.created_at_ms, event.ended_at_ms, event.timestamp_ms):
            if time_ms is not None:
                yield event.trace_id, time_ms
    for step in batch.steps:
        yield step.trace_id, step.timestamp_ms


def _trace_ids(batch: EventBatch) -> set[str]:
    return {document.trace_id for part in (batch.traces, batch.steps, batch.data) for document in part}


def _among(connection: sqlite3.Connection, sql: str, project_id: str, trace_ids: set[str]) -> set[str]:
    """Return those of the traces that a statement finds."""
    return {row[0] for row in connection.execute(sql, (project_id, json.dumps(list(trace_ids))))}
