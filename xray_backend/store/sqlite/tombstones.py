"""What was deleted stays deleted: events of it that come again are left out, in the transaction that stores others."""

import json
import sqlite3
from typing import Final

from xray_backend.store.batch_traces import DAY_MS, trace_ids, traces_older_than, without_traces
from xray_backend.store.records import EventBatch

__all__ = ["without_deleted"]

_KNOWN: Final = """
SELECT EXISTS (SELECT 1 FROM deleted_projects WHERE project_id = ?1),
       EXISTS (SELECT 1 FROM deleted_traces WHERE project_id = ?1),
       (SELECT retention_days FROM projects WHERE project_id = ?1)
"""
_DELETED: Final = """
SELECT trace_id FROM deleted_traces WHERE project_id = ? AND stays AND trace_id IN (SELECT value FROM json_each(?))
"""
_LIVES: Final = """
DELETE FROM deleted_traces WHERE project_id = ? AND NOT stays AND trace_id IN (SELECT value FROM json_each(?))
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
        gone |= _among(connection, _DELETED, project_id, trace_ids(batch))
    if retention_days is not None:
        gone |= _expired(connection, batch, now_ms - retention_days * DAY_MS)
    kept = without_traces(batch, gone)
    if has_tombstones:  # what is left of a trace that was just expiring lives, since something came that is not too old
        connection.execute(_LIVES, (project_id, json.dumps(list(trace_ids(kept)))))
    return kept


def _expired(connection: sqlite3.Connection, batch: EventBatch, horizon_ms: int) -> set[str]:
    """Find the traces that are not there, and of which all that comes is older than the project keeps.

    Their age stands in the place of a tombstone, of which there would be no end.
    """
    old = traces_older_than(batch, horizon_ms)
    return old - _among(connection, _STORED, batch.project_id, old) if old else old


def _among(connection: sqlite3.Connection, sql: str, project_id: str, asked: set[str]) -> set[str]:
    """Return those of the traces that a statement finds."""
    return {row[0] for row in connection.execute(sql, (project_id, json.dumps(list(asked))))}
