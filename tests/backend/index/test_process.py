"""The indexer as a process of its own: killed, left alone, and started twice."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backend.index.sample import EVERYTHING, rows, sizes, steps
from tests.backend.server import Server
from xray_backend.query.tree import Compare
from xray_backend.store.sqlite.index.keeper import IndexKeeper
from xray_backend.store.sqlite.store import SqliteStore

DEADLINE_SECONDS = 60


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


def test_an_indexer_that_cannot_be_started_is_tried_again(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.write(steps(0, 600))
    keeper = IndexKeeper(path)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", str(path.parent / "nothing"))
        keeper.start()
        wait_until(lambda: "cannot be started for now" in caplog.text)
    try:
        wait_until(lambda: sizes(path) == [600])
    finally:
        keeper.stop()


def test_the_indexer_ends_with_its_server_however_that_ends(tmp_path: Path) -> None:
    for end in (Server.stop, Server.kill):
        server = Server(tmp_path / "data")
        server.start()
        (worker,) = server.workers()
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
