"""The indexer keeps up with what is written, replaced and deleted, and can end at any moment."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backend.server import Server
from xray_backend.query.tree import And, Compare, Exists, In, Node, Not
from xray_backend.store.base import EventBatch, StepRecord, TraceEvent
from xray_backend.store.sqlite.index.indexer import Indexer
from xray_backend.store.sqlite.index.keeper import IndexKeeper
from xray_backend.store.sqlite.store import SqliteStore

EVERYTHING = And(())
DEADLINE_SECONDS = 60


def steps(first: int, count: int, *, pending: bool = False, **metadata: Any) -> EventBatch:
    records = []
    for number in range(first, first + count):
        fields = {"type": "step", "stepName": "rank", "stepNumber": 1, "artifacts": []}
        document = {**fields, "stepId": f"s{number}", "traceId": "t", "metadata": {"n": number, **metadata}}
        if pending:
            document["pending"] = True
        records.append(StepRecord(f"s{number}", "t", "rank", 1, 1e12 + number, pending, document))
    return EventBatch("p", steps=records)


def ids(store: SqliteStore, condition: Node) -> list[str]:
    page = store.query("steps", "p", condition, limit=10_000, after=None)
    return [json.loads(document)["stepId"] for document in page.documents]


def rows(path: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def sizes(path: Path, collection: str = "steps") -> list[int]:
    return [row[0] for row in rows(path, f"SELECT size FROM index_blocks WHERE collection = '{collection}'")]


def run(indexer: Indexer) -> None:
    while indexer.run_once():
        pass


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    store.close()


@pytest.fixture
def make_indexer(store: SqliteStore, path: Path) -> Iterator[Callable[..., Indexer]]:
    made: list[Indexer] = []

    def make(**options: Any) -> Indexer:
        made.append(Indexer(path, **options))
        return made[-1]

    yield make
    for indexer in made:
        indexer.close()


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


def test_the_other_project_of_a_block_is_never_answered(store: SqliteStore, make_indexer: Any) -> None:
    indexer = make_indexer(least_rows=1)
    store.write(steps(0, 10))
    store.write(EventBatch("q", steps=steps(0, 4).steps))
    run(indexer)
    assert store.count("steps", "p", EVERYTHING) == 10
    assert store.count("steps", "q", EVERYTHING) == 4


# -- the process --------------------------------------------------------------------------------------------


def wait_until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(DEADLINE_SECONDS * 20):
        if condition():
            return
        waiting.wait(0.05)  # between two looks
    raise AssertionError("it did not happen in time")


def indexer_of(process_id: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{process_id}/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"index.process" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def is_running(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_row_that_comes_and_goes_while_a_block_is_made_is_never_answered(
    store: SqliteStore, make_indexer: Any
) -> None:
    indexer = make_indexer(least_rows=1)
    store.write(steps(0, 20))

    def meanwhile(statement: str) -> None:
        if "SET building_to" in statement:  # these come after it was decided up to where the block goes
            store.write(steps(20, 20, pending=True))
        elif statement.startswith("BEGIN"):  # and these rows go after they were read
            indexer._connection.set_trace_callback(None)
            store.write(steps(20, 20))

    indexer._connection.set_trace_callback(meanwhile)
    run(indexer)
    assert sorted(ids(store, EVERYTHING)) == sorted(f"s{number}" for number in range(40))
    assert store.count("steps", "p", EVERYTHING) == 40


def test_an_indexer_that_is_killed_again_and_again_loses_and_doubles_nothing(store: SqliteStore, path: Path) -> None:
    keeper = IndexKeeper(path)
    keeper.start()
    try:
        for round_number in range(6):
            wait_until(lambda: bool(indexer_of(os.getpid())))
            for number in range(5):
                store.write(steps(round_number * 1000 + number * 200, 200, odd=number % 2))
            (indexer,) = indexer_of(os.getpid())
            os.kill(indexer, signal.SIGKILL)
            wait_until(lambda indexer=indexer: not is_running(indexer))  # type: ignore[misc]
            assert store.count("steps", "p", EVERYTHING) == (round_number + 1) * 1000
        wait_until(lambda: sum(sizes(path)) > 5_488)  # all but those that are too few
    finally:
        keeper.stop()
    assert store.count("steps", "p", Compare(("metadata", "odd"), "eq", 1)) == 2400
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    held = sum(sizes(path))
    assert rows(path, "SELECT indexed_to FROM index_progress WHERE collection = 'steps'") == [(held,)]


def test_the_indexer_ends_with_its_server_however_that_ends(tmp_path: Path) -> None:
    for end in (Server.stop, Server.kill):
        server = Server(tmp_path / "data")
        server.start()
        worker = server.worker()
        wait_until(lambda worker=worker: bool(indexer_of(worker)))  # type: ignore[misc]
        (indexer,) = indexer_of(worker)
        end(server)
        wait_until(lambda indexer=indexer: not is_running(indexer))  # type: ignore[misc]


def test_a_second_indexer_waits_until_the_first_is_gone(store: SqliteStore, path: Path) -> None:
    command = [sys.executable, "-m", "xray_backend.store.sqlite.index.process", str(path)]
    first = subprocess.Popen(command, stdin=subprocess.PIPE)
    store.write(steps(0, 600))
    wait_until(lambda: sizes(path) == [600])
    second = subprocess.Popen(command, stdin=subprocess.PIPE)
    store.write(steps(600, 600))
    wait_until(lambda: sum(sizes(path)) == 1200)
    first.communicate()
    store.write(steps(1200, 600))
    wait_until(lambda: sum(sizes(path)) == 1800)
    second.communicate()
    assert (first.returncode, second.returncode) == (0, 0)
