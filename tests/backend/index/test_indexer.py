"""The indexer keeps up with what is written, replaced and deleted, and can end at any moment."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.backend.index.sample import EVERYTHING, ids, rows, run, sizes, sorted_by, steps
from xray_backend.errors import Unavailable
from xray_backend.query.tree import Compare, ElemMatch, Exists, In, Not, Regex
from xray_backend.store.records import EventBatch, StepRecord, TraceEvent
from xray_backend.store.sqlite.connection import open_connection
from xray_backend.store.sqlite.index import indexer as indexer_module
from xray_backend.store.sqlite.index.indexed_block import IndexedBlock, rows_of
from xray_backend.store.sqlite.index.indexer import Indexer
from xray_backend.store.sqlite.readers import Readers
from xray_backend.store.sqlite.store import SqliteStore


def test_few_rows_wait_and_are_found_all_the_same(store: SqliteStore, path: Path, make_indexer: Any) -> None:
    indexer = make_indexer(least_rows=100)
    store.write(steps(0, 99))
    run(indexer)
    assert sizes(path) == []
    store.write(steps(99, 1))
    run(indexer)
    assert sizes(path) == [100]
    store.write(steps(100, 5))
    assert len(ids(store, EVERYTHING)) == 105
    assert ids(store, Compare(("metadata", "n"), "gte", 98)) == ["s104", "s103", "s102", "s101", "s100", "s99", "s98"]


def test_small_blocks_become_large_ones_and_the_answers_stay(store: SqliteStore, path: Path, make_indexer: Any) -> None:
    indexer = make_indexer(least_rows=1)
    for number in range(300):
        store.write(steps(number, 1, half=number % 2))
        run(indexer)
    assert sum(sizes(path)) == 300
    assert len(sizes(path)) < 32
    assert ids(store, Compare(("metadata", "half"), "eq", 1)) == [f"s{number}" for number in range(299, 0, -2)]
    assert store.count("steps", "p", Compare(("metadata", "n"), "lt", 10)) == 10


def test_a_step_that_was_indexed_while_it_ran_is_answered_as_it_ended(store: SqliteStore, make_indexer: Any) -> None:
    indexer = make_indexer(least_rows=1)
    store.write(steps(0, 20, pending=True, state="begun"))
    run(indexer)
    store.write(steps(5, 3, state="ended"))
    for _ in range(2):  # before the index knows, and after
        assert ids(store, Compare(("metadata", "state"), "eq", "ended")) == ["s7", "s6", "s5"]
        assert store.count("steps", "p", Compare(("metadata", "state"), "eq", "begun")) == 17
        assert store.count("steps", "p", Exists(("pending",))) == 17
        assert len(ids(store, EVERYTHING)) == 20
        run(indexer)


def test_a_trace_that_ends_after_it_was_indexed_is_answered_as_it_ended(store: SqliteStore, make_indexer: Any) -> None:
    indexer = make_indexer(least_rows=1)
    begun = [TraceEvent(f"t{n}", "trace-start", 1e12 + n, None, None, None, {"a": n}, {}) for n in range(10)]
    store.write(EventBatch("p", traces=begun))
    run(indexer)
    store.write(EventBatch("p", traces=[TraceEvent("t3", "trace-success", None, 2e12, None, None, {"a": 33}, {})]))
    for _ in range(2):
        assert store.count("traces", "p", Compare(("status",), "eq", "pending")) == 9
        assert store.count("traces", "p", Compare(("metadata", "a"), "eq", 3)) == 0
        assert store.count("traces", "p", Compare(("metadata", "a"), "eq", 33)) == 1
        run(indexer)


def test_blocks_of_which_much_is_deleted_are_made_anew(store: SqliteStore, path: Path, make_indexer: Any) -> None:
    indexer = make_indexer(least_rows=1)
    store.write(steps(0, 100))
    run(indexer)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("DELETE FROM steps WHERE seq % 3 = 0")
    connection.close()
    for _ in range(2):
        assert store.count("steps", "p", EVERYTHING) == 67
        assert store.count("steps", "p", Not(Compare(("metadata", "n"), "lt", 50))) == 33
        run(indexer)
    assert sizes(path) == [67]
    assert rows(path, "SELECT * FROM index_gone") == []


def test_a_value_of_a_single_deleted_step_leaves_the_index_when_there_is_time(
    store: SqliteStore, path: Path, make_indexer: Any
) -> None:
    now = [0.0]
    indexer = make_indexer(least_rows=1, clock=lambda: now[0])
    store.write(EventBatch("p", steps=[*steps(0, 100).steps, *steps(100, 1, secret="a word of its own").steps]))
    run(indexer)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("DELETE FROM steps WHERE step_id = 's100'")
    connection.close()
    run(indexer)
    holding = "SELECT count(*) FROM index_chunks WHERE path = 'metadata.secret'"
    assert rows(path, holding) == [(2,)]  # that the path is there, and its value
    now[0] += 61
    run(indexer)
    assert rows(path, holding) == [(0,)]
    assert store.count("steps", "p", EVERYTHING) == 100


def test_nothing_is_left_of_a_project_whose_rows_are_all_gone(
    store: SqliteStore, path: Path, make_indexer: Any
) -> None:
    indexer = make_indexer(least_rows=1)
    store.write(steps(0, 50))
    run(indexer)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("DELETE FROM steps")
    connection.close()
    run(indexer)
    assert rows(path, "SELECT count(*) FROM index_chunks WHERE block_id IN (SELECT block_id FROM index_blocks"
                      " WHERE collection = 'steps')") == [(0,)]  # fmt: skip
    assert sizes(path) == []


def test_a_document_too_large_to_be_kept_whole_is_found_by_each_of_its_fields(
    store: SqliteStore, make_indexer: Any
) -> None:
    indexer = make_indexer(least_rows=1)
    store.write(steps(0, 3, by_customer={f"customer-{n}": n for n in range(9000)}, many=list(range(9000))))
    store.write(steps(3, 3))
    run(indexer)
    assert ids(store, Compare(("metadata", "by_customer", "customer-8999"), "eq", 8999)) == ["s2", "s1", "s0"]
    assert ids(store, Compare(("metadata", "many"), "eq", 8999)) == ["s2", "s1", "s0"]
    assert ids(store, Not(Exists(("metadata", "by_customer", "customer-8999")))) == ["s5", "s4", "s3"]
    assert store.count("steps", "p", Compare(("metadata", "n"), "eq", 1)) == 1


def test_documents_are_found_by_id_alone_in_lists_and_in_ranges(store: SqliteStore, make_indexer: Any) -> None:
    indexer = make_indexer(least_rows=1)
    for first in (0, 20):
        store.write(steps(first, 20))
        run(indexer)
    page = store.query("steps", "p", EVERYTHING, limit=100, after=None)
    object_ids = {found["_id"]: found["stepId"] for found in map(json.loads, page.documents)}
    wanted = sorted(object_ids)[13]
    assert ids(store, Compare(("_id",), "eq", wanted)) == [object_ids[wanted]]
    for operator, expected in (("gt", 26), ("gte", 27), ("lt", 13), ("lte", 14)):
        assert store.count("steps", "p", Compare(("_id",), operator, wanted)) == expected  # type: ignore[arg-type]
    some = sorted(object_ids)[::3]
    assert set(ids(store, In(("_id",), tuple(some)))) == {object_ids[object_id] for object_id in some}
    many = tuple(f"s{number}" for number in range(0, 80, 2))
    assert len(ids(store, In(("stepId",), many))) == 20
    assert store.count("steps", "p", Not(In(("stepId",), many))) == 20


def test_a_pattern_finds_the_ids_of_artifacts_which_no_block_holds(store: SqliteStore, make_indexer: Any) -> None:
    artifact = {"_id": "ab" * 12, "dataId": "d", "type": None, "key": None}
    record = StepRecord("s0", "t", "rank", 1, 1e12, False, {"stepId": "s0", "artifacts": [artifact], "metadata": {}})
    store.write(EventBatch("p", steps=[record, *steps(1, 3).steps]))
    run(make_indexer(least_rows=1))
    assert ids(store, Regex(("artifacts", "_id"), "^ab", "")) == ["s0"]
    assert ids(store, ElemMatch(("artifacts",), Regex(("_id",), "ba", ""), "objects")) == ["s0"]
    assert ids(store, Not(Regex(("artifacts", "_id"), "^ab", ""))) == ["s3", "s2", "s1"]


def test_only_a_number_as_it_is_usually_written_names_an_element_to_sort_by(
    store: SqliteStore, make_indexer: Any
) -> None:
    lists = ([1, 9], [2, 8], [3, 7])
    store.write(EventBatch("p", steps=[*(steps(n, 1, list=found).steps[0] for n, found in enumerate(lists))]))
    by_id = sorted_by(store, "_id")
    for _ in range(2):  # read one by one, and by the index
        assert sorted_by(store, "metadata", "list", "1") == ["s2", "s1", "s0"]
        assert sorted_by(store, "metadata", "list", "01") == sorted_by(store, "metadata", "list", "\u0661") == by_id
        run(make_indexer(least_rows=1))


def test_the_time_limit_ends_the_trying_of_patterns_on_the_values_of_a_block(
    store: SqliteStore, path: Path, make_indexer: Any
) -> None:
    store.write(steps(0, 10, name="value"))
    run(make_indexer(least_rows=1))
    readers = Readers(path, time_limit_seconds=0)
    with readers.snapshot() as snapshot:
        (row,) = rows_of(snapshot, "steps", "p")
        block = IndexedBlock(snapshot, row, ())
        with pytest.raises(Unavailable, match="longer than the limit"):
            block.texts("metadata.name", "", lambda text: False)
    readers.close()


def test_rows_that_come_while_a_round_begins_are_answered_as_they_end(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    opened = []

    def open_and_keep(path: Path) -> sqlite3.Connection:
        opened.append(open_connection(path))
        return opened[-1]

    monkeypatch.setattr(indexer_module, "open_connection", open_and_keep)
    late = [steps(10, 5, pending=True, state="begun")]

    def write_before(statement: str) -> None:
        if late and statement.startswith("UPDATE index_progress SET building_to"):
            store.write(late.pop())

    store.write(steps(0, 10))
    with closing(Indexer(path, least_rows=1)) as indexer:
        opened[0].set_trace_callback(write_before)
        indexer.run_once()
    assert not late
    store.write(steps(10, 5, state="ended"))
    assert ids(store, Compare(("metadata", "state"), "eq", "ended")) == ["s14", "s13", "s12", "s11", "s10"]
    assert store.count("steps", "p", EVERYTHING) == len(ids(store, EVERYTHING)) == 15


def test_the_other_project_of_a_block_is_never_answered(store: SqliteStore, make_indexer: Any) -> None:
    indexer = make_indexer(least_rows=1)
    store.write(steps(0, 10))
    store.write(EventBatch("q", steps=steps(0, 4).steps))
    run(indexer)
    assert store.count("steps", "p", EVERYTHING) == 10
    assert store.count("steps", "q", EVERYTHING) == 4
