"""Bringing a trace's events into its row."""

import sqlite3
from collections.abc import Sequence

import msgspec

from xray_backend.ids import new_object_id
from xray_backend.store.base import TraceEvent
from xray_backend.store.trace_state import TraceState, document, dump_state, ended_at_ms, load_state, merge, status

__all__ = ["merge_trace"]


def merge_trace(connection: sqlite3.Connection, project_id: str, trace_id: str, events: Sequence[TraceEvent]) -> None:
    """Merge the events into the stored trace, or make it; nothing is written where they change nothing."""
    row = connection.execute(
        "SELECT seq, oid, created_at_ms, state FROM traces WHERE project_id = ? AND trace_id = ?",
        (project_id, trace_id),
    ).fetchone()
    if row is None:
        _insert(connection, project_id, trace_id, new_object_id(), merge(None, events))
        return
    seq, object_id, created_at_ms, encoded = row
    if all(event.kind == "step" and (event.timestamp_ms or 0) >= created_at_ms for event in events):
        return  # by far the most frequent case: further steps of a trace that has begun
    stored = load_state(encoded)
    state = merge(stored, events)
    if state != stored:
        connection.execute("DELETE FROM traces WHERE seq = ?", (seq,))
        _insert(connection, project_id, trace_id, object_id, state)


def _insert(connection: sqlite3.Connection, project_id: str, trace_id: str, object_id: str, state: TraceState) -> None:
    """Store the trace under a new `seq`: the document of a `seq` never changes."""
    columns = _columns(project_id, trace_id, object_id, state)
    connection.execute(
        "INSERT INTO traces (status, created_at_ms, ended_at_ms, doc, state, oid, project_id, trace_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*columns, object_id, project_id, trace_id),
    )


def _columns(project_id: str, trace_id: str, object_id: str, state: TraceState) -> tuple[object, ...]:
    answer = {
        "_id": object_id,
        "traceId": trace_id,
        "projectId": project_id,
        **document(state),
        "__v": 0,
    }
    return (
        status(state),
        state.created_at_ms or 0,
        ended_at_ms(state),
        msgspec.json.encode(answer).decode(),
        dump_state(state).decode(),
    )
