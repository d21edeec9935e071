"""Storing a batch of events: what can be encoded is encoded in the caller's thread, the rest in the writer's."""

import math
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from xray_backend.clock import iso
from xray_backend.ids import new_object_id
from xray_backend.store.batch_traces import count_events, events_by_trace
from xray_backend.store.records import DataRecord, EventBatch, SchemaSighting, StepRecord, TraceEvent, WriteResult
from xray_backend.store.sqlite.merging import merge_traces
from xray_backend.store.sqlite.schemas import store_shapes
from xray_backend.store.sqlite.tombstones import without_deleted
from xray_backend.store.sqlite.writer import Writer

__all__ = ["Recording"]

_STEP: Final = """
INSERT INTO steps (oid, project_id, trace_id, step_id, step_name, step_number, timestamp_ms, pending, doc)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, step_id) DO NOTHING
"""

_RUNNING: Final = """
SELECT seq, step_id, oid FROM steps
WHERE project_id = ? AND step_id IN (SELECT value FROM json_each(?)) AND pending = 1
"""

_DATA: Final = """
INSERT INTO data (oid, project_id, data_id, trace_id, doc, content, stored_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, data_id) DO NOTHING
"""

_encode = msgspec.json.Encoder().encode

_STEP_ID: Final = 3
_PENDING: Final = 7
"""Where these stand in a row."""


@dataclass(frozen=True)
class _Rows:
    """A batch, ready to be written."""

    project_id: str
    traces: dict[str, list[TraceEvent]]
    steps: list[tuple[object, ...]]
    data: list[tuple[object, ...]]
    schemas: Sequence[SchemaSighting]

    def write(self, connection: sqlite3.Connection) -> WriteResult:
        """Write all of it in the open transaction."""
        merge_traces(connection, self.project_id, self.traces)
        stored = self._write_steps(connection) + _insert(connection, _DATA, self.data)
        repeated = len(self.steps) + len(self.data) - stored
        left_out = store_shapes(connection, self.project_id, self.schemas)
        return WriteResult(stored=stored, repeated=repeated, shapes_left_out=left_out)

    def _write_steps(self, connection: sqlite3.Connection) -> int:
        """Write the running steps before the final ones, which may end them, and return how many were new."""
        final: dict[object, tuple[object, ...]] = {}
        running = []
        for step in self.steps:
            if not step[_PENDING]:
                final.setdefault(step[_STEP_ID], step)
            elif step[_STEP_ID] not in final:
                running.append(step)
        stored = _insert(connection, _STEP, running)
        _take_places(connection, self.project_id, final)
        return stored + _insert(connection, _STEP, list(final.values()))


class Recording:
    """The writing half of what the SDK sends."""

    def __init__(self, writer: Writer, clock: Callable[[], int]) -> None:
        self._writer = writer
        self._clock = clock

    def write(self, batch: EventBatch) -> WriteResult:
        """Store the batch as a whole, or nothing of it; what was deleted is left out."""
        now = self._clock()
        rows = _rows(batch, now)

        def store(connection: sqlite3.Connection) -> WriteResult:
            kept = without_deleted(connection, batch, now)
            if kept is batch:
                return rows.write(connection)
            result = _rows(kept, now).write(connection)
            return replace(result, deleted=count_events(batch) - count_events(kept))

        return self._writer.run(store)


def _rows(batch: EventBatch, now_ms: int) -> _Rows:
    project = batch.project_id
    return _Rows(
        project,
        events_by_trace(batch),
        [_step_row(project, step) for step in batch.steps],
        [_data_row(project, record, now_ms) for record in batch.data],
        batch.schemas,
    )


def _take_places(connection: sqlite3.Connection, project_id: str, final: dict[object, tuple[object, ...]]) -> None:
    """Remove the running steps that end here. The final ones take their `_id`, but get a `seq` of their own."""
    running = connection.execute(_RUNNING, (project_id, _text(list(final)))).fetchall() if final else []
    for seq, step_id, object_id in running:
        connection.execute("DELETE FROM steps WHERE seq = ?", (seq,))
        _, *columns, document = final[step_id]
        final[step_id] = (object_id, *columns, _with_object_id(str(document), object_id))


def _with_object_id(document: str, object_id: str) -> str:
    """Put another `_id` into a document, which begins with `{"_id":"` and 24 digits."""
    return f"{document[:8]}{object_id}{document[32:]}"


def _insert(connection: sqlite3.Connection, sql: str, rows: list[tuple[object, ...]]) -> int:
    return connection.executemany(sql, rows).rowcount if rows else 0


def _step_row(project_id: str, step: StepRecord) -> tuple[object, ...]:
    object_id = new_object_id()
    document = {
        "_id": object_id,
        "stepId": step.step_id,
        "traceId": step.trace_id,
        "projectId": project_id,
        **step.document,
        "timestamp": iso(step.timestamp_ms),
        "__v": 0,
    }
    return (
        object_id,
        project_id,
        step.trace_id,
        step.step_id,
        step.step_name,
        step.step_number,
        math.floor(step.timestamp_ms),
        int(step.pending),
        _text(document),
    )


def _data_row(project_id: str, record: DataRecord, stored_at_ms: int) -> tuple[object, ...]:
    object_id = new_object_id()
    document = {
        "_id": object_id,
        "dataId": record.data_id,
        "traceId": record.trace_id,
        "projectId": project_id,
        "key": record.key,
        "metadata": record.metadata,
        "dataPath": f"{project_id}/{record.data_id}",
        "contentType": record.content_type,
        "sizeBytes": record.size_bytes,
        "sha256": record.sha256,
        "__v": 0,
    }
    return (object_id, project_id, record.data_id, record.trace_id, _text(document), record.content, stored_at_ms)


def _text(document: object) -> str:
    return _encode(document).decode()
