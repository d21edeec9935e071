"""Bringing the events of traces into their rows."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from xray_backend.ids import new_object_id
from xray_backend.store.records import TraceEvent
from xray_backend.store.trace_state import TraceState, document, dump_state, ended_at_ms, load_state, merge, status

__all__ = ["merge_traces"]

_STORED: Final = """
SELECT trace_id, seq, oid, created_at_ms, state FROM traces
WHERE project_id = ? AND trace_id IN (SELECT value FROM json_each(?))
"""
_INSERT: Final = """
INSERT INTO traces (status, created_at_ms, ended_at_ms, doc, state, oid, project_id, trace_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""


def merge_traces(
    connection: sqlite3.Connection, project_id: str, events_of: Mapping[str, Sequence[TraceEvent]]
) -> None:
    """Merge events into the stored traces, or make them; nothing is written where they change nothing.

    A trace that changes gets a new `seq`: the document of a `seq` never changes.
    """
    trace_ids = msgspec.json.encode(list(events_of)).decode()
    stored = {row[0]: row[1:] for row in connection.execute(_STORED, (project_id, trace_ids))}
    changed, replaced = [], []
    for trace_id, events in events_of.items():
        if trace_id not in stored:
            changed.append(_row(project_id, trace_id, new_object_id(), merge(None, events)))
            continue
        seq, object_id, created_at_ms, encoded = stored[trace_id]
        state = _merged(events, created_at_ms, encoded)
        if state is not None:
            replaced.append((seq,))
            changed.append(_row(project_id, trace_id, object_id, state))
    connection.executemany("DELETE FROM traces WHERE seq = ?", replaced)
    connection.executemany(_INSERT, changed)


def _merged(events: Sequence[TraceEvent], created_at_ms: int, encoded: bytes) -> TraceState | None:
    """Return the state after the events; None where they change nothing."""
    if all(event.kind == "step" and (event.timestamp_ms or 0) >= created_at_ms for event in events):
        return None  # by far the most frequent case: further steps of a trace that has begun
    stored = load_state(encoded)
    state = merge(stored, events)
    return None if state == stored else state


def _row(project_id: str, trace_id: str, object_id: str, state: TraceState) -> tuple[object, ...]:
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
        object_id,
        project_id,
        trace_id,
    )
