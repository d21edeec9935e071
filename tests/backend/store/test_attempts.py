"""Attempts as time goes on, and what they leave behind."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from xray_backend.store.sqlite.store import SqliteStore

MINUTE_MS = 60_000


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "xray.db", clock=clock)
    yield made
    made.close()


def rows(path: Path) -> int:
    connection = sqlite3.connect(path / "xray.db")
    found: int = connection.execute("SELECT count(*) FROM attempts").fetchone()[0]
    connection.close()
    return found


def test_an_attempt_counts_until_its_window_is_over_and_no_longer(store: SqliteStore, clock: Clock) -> None:
    began = clock.now_ms
    assert store.count_attempt("a", 2, 60)
    clock.now_ms += 1000
    assert store.count_attempt("a", 2, 60)
    assert store.attempts("a", 60) == (began, 2)
    clock.now_ms = began + MINUTE_MS - 1
    assert not store.count_attempt("a", 2, 60)
    clock.now_ms = began + MINUTE_MS
    assert store.count_attempt("a", 2, 60)
    assert not store.count_attempt("a", 2, 60)
    assert store.attempts("a", 60) == (began + 1000, 2)
    assert store.attempts("b", 60) == (clock.now_ms, 0)


def test_what_counts_no_more_is_removed_and_a_refusal_stores_nothing(
    store: SqliteStore, clock: Clock, tmp_path: Path
) -> None:
    for n in range(150):
        store.count_attempt(f"a{n}", 5, 60)
    for _ in range(20):
        store.count_attempt("a0", 1, 60)
    assert rows(tmp_path) == 150
    clock.now_ms += MINUTE_MS
    for n in range(2):
        store.count_attempt(f"b{n}", 5, 60)
    assert rows(tmp_path) == 2


def test_a_refusal_needs_no_turn_of_the_writer(store: SqliteStore, tmp_path: Path) -> None:
    assert store.count_attempt("a", 1, 60)
    other = sqlite3.connect(tmp_path / "xray.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert not any(store.count_attempt("a", 1, 60) for _ in range(500))
    finally:
        other.close()


def test_a_clock_that_was_set_back_keeps_nobody_out(store: SqliteStore, clock: Clock) -> None:
    assert store.count_attempt("a", 1, 60)
    clock.now_ms -= 24 * 60 * MINUTE_MS
    assert store.count_attempt("a", 1, 60)
    assert not store.count_attempt("a", 1, 60)
