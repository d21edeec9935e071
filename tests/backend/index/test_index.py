"""What the index answers is what a look at every document answers, however the documents lie in blocks."""

import json
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backend.query.documents import filters, steps
from xray_backend.query.filter import parse_filter
from xray_backend.query.limits import QueryLimits
from xray_backend.query.sort import Sort
from xray_backend.store.records import EventBatch, StepRecord
from xray_backend.store.sqlite.connection import open_connection
from xray_backend.store.sqlite.index.indexer import Indexer
from xray_backend.store.sqlite.store import SqliteStore

LIMITS = QueryLimits()
EXAMPLES = int(os.environ.get("XRAY_INDEX_EXAMPLES", "120"))
"""So many that the test stays within half a minute; the nightly form takes more."""

LONG = "x" * 96
TEXTS = [LONG, LONG + "a", LONG + "b", LONG + "bb", LONG[:95] + "y", "w" * 200]
ARRAYS = st.lists(st.sampled_from([*TEXTS, None, 1, 2.5, True, {"b": 1}, [1]]), max_size=4)
PATHS = ["metadata.a", "metadata.b", "metadata.a.b", "metadata.0", "stepNumber", "stepName", "_id", "artifacts.dataId"]


class Bench:
    """The same documents in two stores: one whose index is kept, and one that looks at every document."""

    def __init__(self, folder: Path) -> None:
        self.indexed = SqliteStore(folder / "indexed.db")
        self.plain = SqliteStore(folder / "plain.db")
        self.indexer = Indexer(folder / "indexed.db", least_rows=1)
        self._connections = [open_connection(folder / name) for name in ("indexed.db", "plain.db")]
        self._projects = count()
        self.project = ""

    def begin(self) -> None:
        self.project = f"project-{next(self._projects)}"

    def write(self, number: int, document: dict[str, Any]) -> None:
        record = StepRecord(
            f"step-{number}",
            "t",
            document["stepName"],
            document["stepNumber"],
            document["timestamp"],
            document.get("pending", False),
            {"stepId": f"step-{number}", "traceId": "t", **_without(document, "_id", "timestamp")},
        )
        self.indexed.write(EventBatch(f"{self.project}", steps=[record]))
        # The other store gets the same `_id`, which decides between documents of the same time.
        (row,) = self._connections[0].execute(
            "SELECT oid, project_id, trace_id, step_id, step_name, step_number, timestamp_ms, pending, doc FROM steps"
            " WHERE project_id = ? AND step_id = ?",
            (self.project, f"step-{number}"),
        )
        self._connections[1].execute("DELETE FROM steps WHERE project_id = ? AND step_id = ?", (row[1], row[3]))
        self._connections[1].execute(
            "INSERT INTO steps (oid, project_id, trace_id, step_id, step_name, step_number, timestamp_ms, pending, doc)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )

    def delete(self, number: int) -> None:
        for connection in self._connections:
            connection.execute(
                "DELETE FROM steps WHERE project_id = ? AND step_id = ?", (self.project, f"step-{number}")
            )

    def close(self) -> None:
        for closing in (self.indexed, self.plain, self.indexer, *self._connections):
            closing.close()


def _without(document: dict[str, Any], *fields: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in fields}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("index"))
    yield bench
    bench.close()


def _pages(store: SqliteStore, project: str, filter: object, sort: Sort | None, limit: int) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = store.query("steps", project, parse_filter(filter, "steps", LIMITS), sort=sort, limit=limit, after=after)
        found += [json.loads(document)["stepId"] for document in page.documents]
        after = page.next_position
        if after is None:
            return found


@pytest.mark.timeout(3600)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_index_and_look_at_every_document_find_the_same_in_the_same_order(bench: Bench, data: st.DataObject) -> None:
    bench.begin()
    documents = data.draw(st.lists(steps(), min_size=1, max_size=12))
    for document in documents:
        if data.draw(st.integers(0, 3)) == 0:
            document["metadata"][data.draw(st.sampled_from("ab"))] = data.draw(
                st.one_of(st.sampled_from(TEXTS), ARRAYS)
            )
    for number, document in enumerate(documents):
        bench.write(number, document)
        if data.draw(st.booleans()):
            bench.indexer.run_once()
        if data.draw(st.integers(0, 5)) == 0:
            bench.delete(data.draw(st.integers(0, number)))
    for _ in range(4):
        filter = data.draw(filters(data.draw(st.sampled_from(documents))))
        filter = data.draw(st.sampled_from([filter, {}]))
        node = parse_filter(filter, "steps", LIMITS)
        assert bench.indexed.count("steps", bench.project, node) == bench.plain.count("steps", bench.project, node)
        path = data.draw(st.sampled_from(PATHS))
        direction = data.draw(st.sampled_from((1, -1)))
        for sort in (None, Sort(("timestamp",), direction), Sort(tuple(path.split(".")), direction)):
            limit = data.draw(st.integers(1, 3))
            expected = _pages(bench.plain, bench.project, filter, sort, limit)
            found = _pages(bench.indexed, bench.project, filter, sort, limit)
            assert found == expected, (filter, sort)
            assert len(set(found)) == len(found) == bench.plain.count("steps", bench.project, node)
