"""Storing a batch of events."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne

from xray_backend.store.batch_traces import count_events, events_by_trace
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.documents import Data, Step
from xray_backend.store.mongodb.inserting import insert_new
from xray_backend.store.mongodb.merging import merge_traces
from xray_backend.store.mongodb.schemas import store_shapes
from xray_backend.store.mongodb.stored import data_object_id, encoded, step_object_id
from xray_backend.store.mongodb.tombstones import Tombstones
from xray_backend.store.records import DataRecord, EventBatch, StepRecord, WriteResult

__all__ = ["Recording", "step_document"]


class Recording:
    """The writing half of what the SDK sends."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock
        self._tombstones = Tombstones(database)

    def write(self, batch: EventBatch) -> WriteResult:
        """Store the batch; what was deleted is left out.

        Each kind is written by itself. After a failure some is stored and some is not, and the batch comes again: that
        what was stored is then found to be there changes nothing but the counts.
        """
        now = self._clock()
        kept = self._tombstones.without_deleted(batch, now)
        if kept is None:
            return WriteResult(0, 0, deleted=count_events(batch))
        stored = self._write_steps(kept) + self._write_data(kept, now)
        # After the steps: a trace that expires at this moment is kept for a young step that is there, or is made anew.
        merge_traces(self._database, kept.project_id, events_by_trace(kept))
        left_out = store_shapes(self._database, kept.project_id, kept.schemas)
        if not self._tombstones.take_back(kept, now):
            return WriteResult(0, 0, deleted=count_events(batch))
        return WriteResult(
            stored=stored,
            repeated=len(kept.steps) + len(kept.data) - stored,
            deleted=count_events(batch) - count_events(kept),
            shapes_left_out=left_out,
        )

    def _write_steps(self, batch: EventBatch) -> int:
        """Insert the steps, let the final ones take the places of those that ran, and return how many were new."""
        chosen, ran = _chosen(batch.steps)
        documents = [step_document(batch.project_id, step) for step in chosen]
        known = insert_new(self._database, Step, documents)
        ended = self._end(batch.project_id, [documents[place] for place in known if not chosen[place].pending])
        return len(chosen) - len(known) + ended + len(ran - {chosen[place].step_id for place in known})

    def _end(self, project_id: str, documents: Sequence[RawBSONDocument]) -> int:
        """Put final steps in the places of running ones, and return how many there were."""
        if not documents:
            return 0
        running = {"projectId": project_id, "pending": True}
        writes: list[Any] = [ReplaceOne({"_id": each["_id"], **running}, each) for each in documents]
        with self._database.translated():
            return self._database.collection(Step).bulk_write(writes, ordered=False).matched_count

    def _write_data(self, batch: EventBatch, stored_at_ms: int) -> int:
        first: dict[str, DataRecord] = {}
        for record in batch.data:
            first.setdefault(record.data_id, record)
        documents = [_data_document(batch.project_id, record, stored_at_ms) for record in first.values()]
        return len(documents) - len(insert_new(self._database, Data, documents))


def _chosen(steps: Iterable[StepRecord]) -> tuple[list[StepRecord], set[str]]:
    """Return of each step the first that is final, or else the first; and which of them ran before they ended."""
    chosen: dict[str, StepRecord] = {}
    ran: set[str] = set()
    for step in steps:
        known = chosen.setdefault(step.step_id, step)
        if known.pending and not step.pending:
            chosen[step.step_id] = step
            ran.add(step.step_id)
    return list(chosen.values()), ran


def step_document(project_id: str, step: StepRecord) -> RawBSONDocument:
    """Return a step as it is stored. Raises `Unstorable` if that cannot be."""
    if isinstance(step.document, RawBSONDocument):  # it was made beforehand
        return step.document
    return encoded(
        {
            "_id": step_object_id(project_id, step.step_id),
            "stepId": step.step_id,
            "traceId": step.trace_id,
            "projectId": project_id,
            **step.document,
            "timestamp": DatetimeMS(int(step.timestamp_ms // 1)),
            "__v": 0,
        }
    )


def _data_document(project_id: str, record: DataRecord, stored_at_ms: int) -> RawBSONDocument:
    return encoded(
        {
            "_id": data_object_id(project_id, record.data_id),
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
            "content": record.content,
            "storedAt": DatetimeMS(stored_at_ms),
        }
    )
