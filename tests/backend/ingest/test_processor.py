"""From checked events to what the store is given."""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from xray_backend.errors import Unavailable
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.processor import Processor
from xray_backend.ingest.wire import parse_ingest
from xray_backend.metrics import Metrics
from xray_backend.store.records import EventBatch, WriteResult
from xray_backend.store.sqlite.store import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.db")
    yield store
    store.close()


def send(processor: Processor, *events: dict[str, Any], project: str = "p") -> WriteResult:
    parsed = parse_ingest(json.dumps({"events": events}).encode(), Limits(), project)
    assert not parsed.rejected
    return processor.process(processor.to_batch(project, parsed.events))


def steps(store: SqliteStore, project: str = "p") -> list[dict[str, Any]]:
    return [json.loads(found) for found in store.steps_of(project, "t", limit=99, after=None).documents]


def step(step_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "step", "stepId": step_id, "traceId": "t", "stepName": "rank", "stepNumber": 1, "timestamp": 1, **fields
    }  # fmt: skip


def test_a_step_is_stored_with_all_its_fields_and_an_id_for_each_artifact(store: SqliteStore) -> None:
    given = step(
        "s1",
        projectId="foreign",
        unknown=1,
        artifacts=[{"dataId": "d1", "type": "input", "key": "a"}, {"dataId": "d2", "type": None}],
        metadata={"n": {"m": 1}},
        parentStepId="s0",
        durationMs=1.5,
        inputs={"a": {"type": "list", "length": 0, "bytes": 2}},
        output={"type": "str"},
    )
    send(Processor(store, Metrics()), given)
    (found,) = steps(store)
    ids = [found.pop("_id"), *(artifact.pop("_id") for artifact in found["artifacts"])]
    assert len(set(ids)) == 3
    assert all(len(object_id) == 24 for object_id in ids)
    expected = {**given, "projectId": "p", "timestamp": "1970-01-01T00:00:00.001Z", "__v": 0}
    assert found == {key: value for key, value in expected.items() if key != "unknown"}


def test_errors_are_steps_of_their_type_and_may_have_no_name(store: SqliteStore) -> None:
    error = {"traceId": "t", "timestamp": 1, "metadata": {"error": "no", "errorType": "ValueError"}}
    send(
        Processor(store, Metrics()),
        {**error, "type": "step-error", "stepId": "a", "stepName": "rank", "stepNumber": 2},
        {**error, "type": "step-error", "stepId": "b"},
        {**error, "type": "trace-error", "stepId": "c"},
    )
    found = [(f["type"], f["stepId"], f["stepName"], f["stepNumber"], f["metadata"]["error"]) for f in steps(store)]
    assert found == [
        ("step-error", "a", "rank", 2, "no"),
        ("step-error", "b", None, None, "no"),
        ("trace-error", "c", None, None, "no"),
    ]
    assert [json.loads(schema)["stepName"] for schema in chain(*store.schemas("p", None))] == ["rank"]


def test_a_pending_step_says_so_until_its_final_event_comes(store: SqliteStore) -> None:
    processor = Processor(store, Metrics())
    send(processor, step("s1", pending=True), step("s2", pending=False))
    assert [found.get("pending") for found in steps(store)] == [True, None]
    error = {"type": "step-error", "stepId": "s1", "traceId": "t", "timestamp": 1, "metadata": {"error": "ended"}}
    send(processor, error, step("s1", pending=True))
    assert {found["stepId"]: found["type"] for found in steps(store)} == {"s1": "step-error", "s2": "step"}
    assert not any("pending" in found for found in steps(store))


def test_a_traces_start_and_end_become_one_document(store: SqliteStore) -> None:
    send(
        Processor(store, Metrics()),
        {"type": "trace-success", "traceId": "t", "endedAt": 9, "successMetadata": {"id": 1}, "metadata": {"late": 1}},
        {"type": "trace-start", "traceId": "t", "createdAt": 5, "name": "discovery", "metadata": {"useCase": "x"}},
    )
    document = store.trace("p", "t")
    assert document is not None
    found = json.loads(document)
    assert (found["name"], found["status"], found["successMetadata"]) == ("discovery", "success", {"id": 1})
    assert found["metadata"] == {"useCase": "x", "late": 1}
    assert (found["createdAt"], found["endedAt"]) == ("1970-01-01T00:00:00.005Z", "1970-01-01T00:00:00.009Z")


def test_inline_content_is_stored_decoded(store: SqliteStore) -> None:
    data = {"type": "data", "traceId": "t", "key": "k", "contentType": "x/y"}
    send(
        Processor(store, Metrics()),
        {**data, "dataId": "a", "content": "AP8=", "contentEncoding": "base64"},
        {**data, "dataId": "b", "content": "é"},
        {**data, "dataId": "c", "sizeBytes": 7},
    )
    found = [store.data("p", "t", data_id) for data_id in "abc"]
    assert [(f.content, f.size_bytes) for f in found if f] == [(b"\x00\xff", 2), ("é".encode(), 2), (None, 7)]


class Recorder(SqliteStore):
    """A real store that counts the shapes it was given, and can be away."""

    shapes = 0
    away = False

    def write(self, batch: EventBatch) -> WriteResult:
        if self.away:
            raise Unavailable("away")
        self.shapes += len(batch.schemas)
        return super().write(batch)


def test_a_steady_stream_writes_no_shapes_but_for_a_refresh_now_and_then(tmp_path: Path) -> None:
    now = [0]
    store = Recorder(tmp_path / "store.db")
    processor = Processor(store, Metrics(), lambda: now[0])
    for n in range(50):
        send(processor, step(f"a{n}", metadata={"n": n}), step(f"b{n}", metadata={"n": -n}), step(f"c{n}"))
    assert store.shapes == 1
    now[0] = 3_600_000
    send(processor, step("later", metadata={"n": 1}), step("new", metadata={"n": "text"}))
    assert store.shapes == 3
    seen = {json.loads(found)["lastSeenAt"] for found in chain(*store.schemas("p", None))}
    assert seen == {"1970-01-01T01:00:00.000Z"}
    store.close()


def test_a_shape_whose_write_failed_is_written_the_next_time(tmp_path: Path) -> None:
    store = Recorder(tmp_path / "store.db")
    processor = Processor(store, Metrics())
    store.away = True
    with pytest.raises(Unavailable):
        send(processor, step("s1", metadata={"n": 1}))
    store.away = False
    send(processor, step("s1", metadata={"n": 1}))
    assert len(list(chain(*store.schemas("p", "rank")))) == 1
    store.close()
