"""Events become what the store takes: traces, steps, data records and the shapes of metadata."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from xray_backend.clock import now_ms
from xray_backend.errors import Unstorable
from xray_backend.ids import new_object_id
from xray_backend.ingest.content import decoded
from xray_backend.ingest.recent_shapes import RecentShapes
from xray_backend.ingest.schema_memory import SchemaMemory
from xray_backend.ingest.shapes import (
    Artifact,
    Data,
    Event,
    Step,
    StepError,
    TraceError,
    TraceFailure,
    TraceStart,
    TraceSuccess,
)
from xray_backend.ingest.times import Time, to_ms
from xray_backend.metrics import Metrics
from xray_backend.store.base import Store
from xray_backend.store.batch_traces import count_events
from xray_backend.store.records import DataRecord, EventBatch, SchemaSighting, StepRecord, TraceEvent, WriteResult

__all__ = ["Processor"]


class Processor:
    """The last stage before the store; the same behind the API and behind a queue."""

    def __init__(self, store: Store, metrics: Metrics, clock: Callable[[], int] = now_ms) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._memory = SchemaMemory()
        self._recent_shapes = RecentShapes()

    def to_batch(self, project_id: str, events: Iterable[Event]) -> EventBatch:
        """Sort checked events by what they become; the project is the caller's, whatever the events say.

        Of events that are made one by one, hardly more than one is in memory at a time. Raises `Unstorable`.
        """
        traces: list[TraceEvent] = []
        steps: list[StepRecord] = []
        data: list[DataRecord] = []
        sightings: dict[tuple[str, str], SchemaSighting] = {}
        now = self._clock()
        for event in events:
            if isinstance(event, (Step, StepError, TraceError)):
                step = _step_record(event)
                self._see(step, sightings, now)
                steps.append(self._store.compact(project_id, step))
            elif isinstance(event, Data):
                data.append(_data_record(event))
            else:
                traces.append(_trace_event(event))
        return EventBatch(project_id, traces, steps, data, list(sightings.values()))

    def process(self, batch: EventBatch) -> WriteResult:
        """Store a batch; durable when this returns, idempotent. Raises `Unavailable` and `Unstorable`, as the store."""
        due = self._memory.due(batch.project_id, batch.schemas)
        with self._metrics.time_store("write"):
            result = self._store.write(dataclasses.replace(batch, schemas=due))
        if due:
            self._memory.remember(batch.project_id, due)
        self._metrics.count_stored(
            new=result.stored,
            repeated=result.repeated,
            deleted=result.deleted,
            merged=count_events(batch) - result.stored - result.repeated - result.deleted,
        )
        self._metrics.count_left_out("shape", result.shapes_left_out)
        return result

    def store(self, project_id: str, events: Sequence[Event]) -> list[tuple[int, str]]:
        """Store events as a whole, or by halves, so that one at fault does not cost the others; durable, idempotent.

        Returns the places of those that can never be stored, and why. Raises `Unavailable` if the store is away.
        """
        try:
            self.process(self.to_batch(project_id, events))
        except Unstorable as error:
            if len(events) == 1:
                return [(0, str(error))]
            half = len(events) // 2
            before = self.store(project_id, events[:half])
            return before + [(half + place, reason) for place, reason in self.store(project_id, events[half:])]
        return []

    def _count_keys_left_out(self, keys: int) -> None:
        self._metrics.count_left_out("key", keys)

    def _see(self, step: StepRecord, seen: dict[tuple[str, str], SchemaSighting], now_ms: int) -> None:
        """Note the step's shape, once, if the step has a name under which it can be found."""
        metadata = step.document["metadata"]
        if step.step_name is None or not isinstance(metadata, dict) or not metadata:
            return
        schema_hash, shape = self._recent_shapes.find(step.step_name, metadata, self._count_keys_left_out)
        if (step.step_name, schema_hash) not in seen:
            seen[step.step_name, schema_hash] = SchemaSighting(step.step_name, schema_hash, shape, now_ms)


def _trace_event(event: TraceStart | TraceSuccess | TraceFailure) -> TraceEvent:
    kind: Literal["trace-start", "trace-success", "trace-failure"]
    ended: Time | None = None
    name, end_metadata = None, None
    if isinstance(event, TraceStart):
        kind, name = "trace-start", event.name
    elif isinstance(event, TraceSuccess):
        kind, ended, end_metadata = "trace-success", event.ended_at, event.success_metadata
    else:
        kind, ended, end_metadata = "trace-failure", event.ended_at, event.failure_metadata
    return TraceEvent(
        trace_id=event.trace_id,
        kind=kind,
        created_at_ms=_ms(event.created_at),
        ended_at_ms=_ms(ended),
        timestamp_ms=_ms(event.timestamp),
        name=name,
        metadata=event.metadata or {},
        end_metadata=end_metadata or {},
    )


def _step_record(event: Step | StepError | TraceError) -> StepRecord:
    pending = isinstance(event, Step) and event.pending is True
    document: dict[str, Any] = {
        "stepId": event.step_id,
        "traceId": event.trace_id,
        "type": _STEP_TYPES[type(event)],
        "stepName": event.step_name,
        "stepNumber": event.step_number,
        "artifacts": [_artifact(artifact) for artifact in event.artifacts or ()],
        "metadata": event.metadata or {},
    }
    if event.parent_step_id is not None:
        document["parentStepId"] = event.parent_step_id
    if event.duration_ms is not None:
        document["durationMs"] = event.duration_ms
    if event.inputs is not None:
        document["inputs"] = event.inputs
    if event.output is not None:
        document["output"] = event.output
    if pending:
        document["pending"] = True
    return StepRecord(
        step_id=event.step_id,
        trace_id=event.trace_id,
        step_name=event.step_name,
        step_number=event.step_number,
        timestamp_ms=to_ms(event.timestamp),
        pending=pending,
        document=document,
    )


_STEP_TYPES: Final[Mapping[type, str]] = {Step: "step", StepError: "step-error", TraceError: "trace-error"}


def _artifact(artifact: Artifact) -> dict[str, object]:
    entry: dict[str, object] = {"dataId": artifact.data_id, "type": artifact.type}
    if artifact.key is not None:
        entry["key"] = artifact.key
    entry["_id"] = new_object_id()
    return entry


def _data_record(event: Data) -> DataRecord:
    return DataRecord(
        data_id=event.data_id,
        trace_id=event.trace_id,
        key=event.key,
        metadata=event.metadata or {},
        content=decoded(event),
        content_type=event.content_type,
        size_bytes=event.size_bytes,
        sha256=event.sha256,
    )


def _ms(time: Time | None) -> float | None:
    return None if time is None else to_ms(time)
