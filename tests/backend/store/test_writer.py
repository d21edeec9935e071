"""The thread that writes: shared commits, separate failures, and nothing lost by a signal or a full disk."""

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xray_backend.errors import Unavailable
from xray_backend.query.tree import And, Compare, Not
from xray_backend.store.records import EventBatch, StepRecord
from xray_backend.store.sqlite.store import SqliteStore
from xray_backend.store.sqlite.writer import Writer

DEADLINE_SECONDS = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    connection = sqlite3.connect(tmp_path / "test.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
    connection.close()
    return tmp_path / "test.db"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    writer = Writer(path)
    yield writer
    writer.close()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        threading.Event().wait(0.005)


def committed(path: Path) -> list[int]:
    connection = sqlite3.connect(path)
    try:
        return [row[0] for row in connection.execute("SELECT n FROM numbers ORDER BY n")]
    finally:
        connection.close()


def held(writer: Writer) -> tuple[threading.Event, threading.Thread]:
    """Keep the writer busy until the event is set."""
    begun, release = threading.Event(), threading.Event()

    def wait(connection: sqlite3.Connection) -> None:
        begun.set()
        assert release.wait(DEADLINE_SECONDS)

    thread = threading.Thread(target=writer.run, args=(wait,))
    thread.start()
    assert begun.wait(DEADLINE_SECONDS)
    return release, thread


def test_calls_that_wait_together_share_one_transaction(writer: Writer, path: Path) -> None:
    seen: list[list[int]] = []

    def insert(n: int) -> None:
        def operation(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO numbers VALUES (?)", (n,))
            seen.append(committed(path))

        writer.run(operation)

    release, holder = held(writer)
    threads = [threading.Thread(target=insert, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    until(lambda: writer.waiting() == 16)
    release.set()
    for thread in (*threads, holder):
        thread.join(DEADLINE_SECONDS)
    assert seen == [[]] * 16
    assert committed(path) == list(range(16))


def test_a_call_that_fails_is_undone_alone(writer: Writer, path: Path) -> None:
    outcomes: dict[int, str] = {}

    def insert(n: int) -> None:
        def operation(connection: sqlite3.Connection) -> int:
            connection.execute("INSERT INTO numbers VALUES (?)", (n,))
            if n % 2:
                raise ValueError(f"odd {n}")
            return n

        try:
            outcomes[n] = str(writer.run(operation))
        except ValueError as error:
            outcomes[n] = str(error)

    release, holder = held(writer)
    threads = [threading.Thread(target=insert, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: writer.waiting() == 8)
    release.set()
    for thread in (*threads, holder):
        thread.join(DEADLINE_SECONDS)
    assert committed(path) == [0, 2, 4, 6]
    assert outcomes == {n: f"odd {n}" if n % 2 else str(n) for n in range(8)}


def test_more_calls_than_the_queue_holds_are_told_to_come_again(writer: Writer) -> None:
    release, holder = held(writer)
    outcomes: list[str] = []

    def call() -> None:
        try:
            writer.run(lambda connection: None)
            outcomes.append("done")
        except Unavailable as error:
            outcomes.append(f"{error.retry_after_seconds} {error.message}")

    threads = [threading.Thread(target=call) for _ in range(140)]
    for thread in threads:
        thread.start()
    until(lambda: len(outcomes) == 12)
    assert set(outcomes) == {"2 The server has more to store than it can take now; try again."}
    release.set()
    for thread in (*threads, holder):
        thread.join(DEADLINE_SECONDS)
    assert outcomes.count("done") == 128


def test_closing_finishes_what_was_accepted(writer: Writer, path: Path) -> None:
    release, holder = held(writer)
    insert = threading.Thread(target=writer.run, args=(lambda c: c.execute("INSERT INTO numbers VALUES (1)"),))
    insert.start()
    until(lambda: writer.waiting() == 1)
    closer = threading.Thread(target=writer.close)
    closer.start()
    release.set()
    for thread in (insert, closer, holder):
        thread.join(DEADLINE_SECONDS)
    assert committed(path) == [1]
    with pytest.raises(Unavailable, match="stopping"):
        writer.run(lambda connection: None)


def step(step_id: str, **metadata: object) -> StepRecord:
    document = {"type": "step", "stepName": "a", "stepNumber": 1, "artifacts": [], "metadata": metadata}
    return StepRecord(step_id, "t", "a", 1, 1e12, False, document)


def test_a_database_that_another_process_holds_is_said_to_be_busy_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xray_backend.store.sqlite.connection.BUSY_TIMEOUT_SECONDS", 0.05)
    store = SqliteStore(tmp_path / "store.db")
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="busy with another process"):
        store.write(EventBatch("p", steps=[step("s1")]))
    other.execute("ROLLBACK")
    other.close()
    assert store.write(EventBatch("p", steps=[step("s1")])).stored == 1
    store.close()


def test_a_query_over_the_time_limit_is_stopped_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    filled = SqliteStore(path)
    filled.write(EventBatch("p", steps=[step(f"s{n}", n=n) for n in range(5000)]))
    filled.close()
    store = SqliteStore(path, query_timeout_seconds=1e-6)
    nothing = And(tuple(Not(Compare(("metadata", "n"), "gte", n)) for n in range(-9, 0)))
    with pytest.raises(Unavailable, match="took longer than the limit of 1e-06 s"):
        store.query("steps", "p", nothing, limit=10, after=None)
    assert store.query("steps", "p", And(()), limit=10, after=None).documents
    store.close()


WRITE_FOR_EVER = """
import sys, threading
from pathlib import Path
from xray_backend.store.records import (DataRecord, EventBatch, StepRecord, TraceEvent)
from xray_backend.store.sqlite.store import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
def write(thread):
    for n in range(1_000_000):
        document = {"type": "step", "stepName": "a", "stepNumber": n, "artifacts": [], "metadata": {"n": "x" * 300}}
        steps = [StepRecord(f"{thread}-{n}-{i}", f"t{thread}", "a", n, 1e12 + n, False, document) for i in range(10)]
        start = TraceEvent(f"t{thread}", "trace-start", 1e12, None, None, None, {f"k{n % 50}": n}, {})
        store.write(EventBatch("p", traces=[start], steps=steps, data=[DataRecord(
            f"{thread}-{n}", f"t{thread}", "k", {}, b"x" * 100, None, 100, None)]))
        sys.stdout.write(f"{thread}-{n}\\n")
        sys.stdout.flush()
for thread in range(4):
    threading.Thread(target=write, args=(thread,)).start()
"""


@pytest.mark.parametrize("answers", [1, 40, 300])
def test_what_was_acknowledged_outlives_a_killed_process(tmp_path: Path, answers: int) -> None:
    path = tmp_path / "store.db"
    program = subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    acknowledged = [program.stdout.readline().strip() for _ in range(answers)]
    program.kill()
    acknowledged += [line.strip() for line in program.stdout if line.endswith("\n")]
    program.stdout.close()
    program.wait(DEADLINE_SECONDS)
    store = SqliteStore(path)
    for name in acknowledged:
        trace_id = f"t{name.split('-')[0]}"
        assert store.data("p", trace_id, name) is not None
    found = sum(len(store.steps_of("p", f"t{n}", limit=100_000, after=None).documents) for n in range(4))
    assert found >= 10 * len(acknowledged)
    assert found % 10 == 0
    store.close()


FILL_THE_DISK = """
import resource, sys
from pathlib import Path
from xray_backend.errors import Unavailable
from xray_backend.store.records import (EventBatch, StepRecord)
from xray_backend.store.sqlite.store import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
def write(n):
    document = {"type": "step", "stepName": "a", "stepNumber": n, "artifacts": [], "metadata": {"x": "x" * 5000}}
    store.write(EventBatch("p", steps=[StepRecord(f"s{n}", "t", "a", n, 1e12, False, document)]))
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
written, refusals = 0, []
while len(refusals) < 5:  # the first may still make room, by moving the log into the database
    try:
        write(written)
        written += 1
    except Unavailable as error:
        refusals.append(f"{error.retry_after_seconds} {error.message}")
print(refusals[-1])
assert len(store.steps_of("p", "t", limit=10_000, after=None).documents) == written > 10
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
write(written)
assert len(store.steps_of("p", "t", limit=10_000, after=None).documents) == written + 1
store.close()
print("recovered")
"""


def test_a_full_disk_is_said_to_be_one_and_writing_goes_on_when_there_is_room(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(tmp_path / "store.db")], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    said, end = ran.stdout.strip().splitlines()
    assert said.startswith("2 The server's disk ")
    assert end == "recovered"
    store = SqliteStore(tmp_path / "store.db")
    assert store.steps_of("p", "t", limit=1, after=None).documents
    store.close()
