"""What several processes do at once: writing, deleting, expiring and removing."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.backend.store.mongodb.clock import NOW, SetClock
from tests.backend.store.mongodb.place import Place
from tests.backend.store.mongodb.watching import WRITES, seen_by
from tests.contract.stores import Opener
from tests.contract.test_deletions import DAY_MS, PIECE, full_trace, is_empty, keep_for, remove_all
from tests.contract.test_store import all_steps, people, step, success
from xray_backend.errors import NotFound
from xray_backend.store.base import Store
from xray_backend.store.records import EventBatch, Project

HOUR_MS = 60 * 60 * 1000
ROUNDS = int(os.environ.get("XRAY_DELETION_ROUNDS", "12"))


def remove_until(store: Store, stopped: threading.Event) -> None:
    while not stopped.is_set():
        piece = store.next_deletion(PIECE)
        if piece is not None:
            store.remove(piece, PIECE)


def write_some(store: Store, trace_id: str, begun: threading.Barrier) -> None:
    begun.wait()
    for number in range(4):
        store.write(full_trace(trace_id, steps=number))


def delete(store: Store, trace_id: str, begun: threading.Barrier) -> None:
    begun.wait()
    while not store.delete_trace("p", trace_id):
        pass


def test_of_what_is_deleted_while_others_write_it_nothing_is_seen_after_both_ended(
    place: Place, clock: SetClock
) -> None:
    stores = [place.open() for _ in range(5)]
    stopped = threading.Event()
    with ThreadPoolExecutor(5) as threads:
        removers = [threads.submit(remove_until, store, stopped) for store in stores[:2]]
        for number in range(ROUNDS):
            trace_id, begun = f"t{number}", threading.Barrier(3)
            writers = [threads.submit(write_some, store, trace_id, begun) for store in stores[2:4]]
            for done in (*writers, threads.submit(delete, stores[4], trace_id, begun)):
                done.result()
            assert is_empty(stores[0], trace_id)
        stopped.set()
        for remover in removers:
            remover.result()
    for clock.now_ms in (NOW, NOW + HOUR_MS, NOW + 2 * HOUR_MS):
        remove_all(stores[0])
        assert all(is_empty(stores[0], f"t{number}") for number in range(ROUNDS))
    assert [place.count(name) for name in ("traces", "steps", "data")] == [0, 0, 0]


def test_several_who_remove_the_same_at_once_remove_each_document_once_and_nothing_else(opener: Opener) -> None:
    stores = [opener() for _ in range(4)]
    stores[0].write(full_trace("doomed", steps=60))
    stores[0].write(full_trace("other", steps=20))
    stores[0].delete_trace("p", "doomed")

    def removed_by(store: Store) -> int:
        rows = 0
        while (piece := store.next_deletion(PIECE)) is not None:
            rows += store.remove(piece, PIECE).rows
        return rows

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(removed_by, stores)) == 60 + 60 + 1
    assert is_empty(stores[0], "doomed")
    assert len(stores[0].steps_of("p", "other", limit=100, after=None).documents) == 20


def before_writing_to(collections: Sequence[str], action: Callable[[], object]) -> Callable[[str, str], None]:
    """Do something before the first write to one of these collections."""
    left = [action]

    def seen(command: str, collection: str) -> None:
        if command in WRITES and collection in collections and left:
            with seen_by(None):
                left.pop()()

    return seen


def young(clock: SetClock) -> EventBatch:
    return EventBatch("p", steps=[step("young", "old", at=clock.now_ms)])


def test_a_step_that_comes_between_the_look_for_old_traces_and_the_tombstone_keeps_its_trace(
    opener: Opener, clock: SetClock
) -> None:
    sweeper, writer = opener(), opener()
    keep_for(sweeper, 30)
    writer.write(full_trace("old", steps=3))
    clock.now_ms += 31 * DAY_MS
    with seen_by(before_writing_to(["deletedTraces"], lambda: writer.write(young(clock)))):
        sweeper.expire_traces(PIECE)
    assert sweeper.next_deletion(PIECE) is None
    assert len(sweeper.steps_of("p", "old", limit=9, after=None).documents) == 4
    assert sweeper.trace("p", "old") is not None
    assert sweeper.expire_traces(PIECE) == 0


@pytest.mark.parametrize("pieces", [0, 1, 2, 100])
@pytest.mark.parametrize("collections", [["steps"], ["traces"]], ids=["before its step", "before its trace"])
def test_a_young_step_that_is_written_while_its_trace_expires_is_not_removed(
    opener: Opener, clock: SetClock, collections: Sequence[str], pieces: int
) -> None:
    sweeper, writer = opener(), opener()
    keep_for(sweeper, 30)
    writer.write(full_trace("old", steps=5))
    clock.now_ms += 31 * DAY_MS

    def expire() -> None:
        assert sweeper.expire_traces(PIECE) == 1
        for _ in range(pieces):
            if (piece := sweeper.next_deletion(PIECE)) is not None:
                sweeper.remove(piece, PIECE)

    with seen_by(before_writing_to(collections, expire)):
        assert writer.write(young(clock)).stored == 1
    remove_all(sweeper)
    assert "young" in [found["stepId"] for found in all_steps(sweeper)]
    assert sweeper.expire_traces(PIECE) == 0


class PausedWriter:
    """Writes in a thread of its own, and waits between its look for tombstones and its first write."""

    def __init__(self, store: Store, batch: EventBatch) -> None:
        self._waits = threading.Event()
        self._may_go_on = threading.Event()
        self._thread = threading.Thread(target=self._write, args=(store, batch))
        self._thread.start()
        assert self._waits.wait(30)

    def _write(self, store: Store, batch: EventBatch) -> None:
        with seen_by(before_writing_to(["steps", "traces", "data"], self._pause)):
            store.write(batch)

    def _pause(self) -> None:
        self._waits.set()
        self._may_go_on.wait(30)

    def finish(self) -> None:
        self._may_go_on.set()
        self._thread.join()


def test_a_writer_that_ends_between_the_last_look_and_its_note_has_its_rows_looked_for_again(
    opener: Opener, clock: SetClock
) -> None:
    store, remover = opener(), opener()
    store.write(full_trace("doomed"))
    writer = PausedWriter(opener(), full_trace("doomed", steps=7))
    store.delete_trace("p", "doomed")
    remove_all(remover)
    clock.now_ms += HOUR_MS
    piece = remover.next_deletion(PIECE)
    assert piece is not None
    with seen_by(before_writing_to(["deletedTraces"], writer.finish)):
        assert remover.remove(piece, PIECE).done
    assert is_empty(store, "doomed")
    assert remove_all(remover) > 1
    assert is_empty(store, "doomed")


@pytest.mark.parametrize("at", ["data", "steps", "traces", "its end"])
@pytest.mark.parametrize("late", ["a step", "an end"])
def test_what_is_young_and_comes_while_a_piece_is_removed_stays_with_its_trace(
    opener: Opener, clock: SetClock, late: str, at: str
) -> None:
    store, remover = opener(), opener()
    keep_for(store, 30)
    store.write(full_trace("old", steps=1))
    clock.now_ms += 31 * DAY_MS
    batch = young(clock) if late == "a step" else EventBatch("p", traces=[success("old", at=clock.now_ms)])
    writer = PausedWriter(opener(), batch)
    assert store.expire_traces(PIECE) == 1
    piece = remover.next_deletion(100)
    assert piece is not None
    with seen_by(before_writing_to([at], writer.finish)):
        remover.remove(piece, 100)
    writer.finish()
    remove_all(remover)
    assert store.trace("p", "old") is not None
    assert [found["stepId"] for found in all_steps(store)] == (["young"] if late == "a step" else [])
    assert not store.is_deleted("p", "old")


def test_a_running_step_that_ends_while_its_trace_expires_stays(opener: Opener, clock: SetClock) -> None:
    store, remover = opener(), opener()
    keep_for(store, 30)
    store.write(EventBatch("p", steps=[step("long", "old", at=clock.now_ms, pending=True)]))
    clock.now_ms += 31 * DAY_MS
    writer = PausedWriter(opener(), EventBatch("p", steps=[step("long", "old", at=clock.now_ms)]))
    assert store.expire_traces(PIECE) == 1
    piece = remover.next_deletion(100)
    assert piece is not None
    with seen_by(before_writing_to(["steps"], writer.finish)):
        remover.remove(piece, 100)
    remove_all(remover)
    (found,) = all_steps(store)
    assert (found["stepId"], "pending" in found) == ("long", False)
    assert store.trace("p", "old") is not None


def test_a_project_that_is_deleted_while_somebody_joins_it_has_no_members(opener: Opener) -> None:
    stores = [opener(), opener()]
    (bob,) = people(stores[0], "bob")
    for number in range(ROUNDS):
        project_id = f"p{number}"
        stores[0].create_project(Project(project_id, "1" * 24, "One", 1, 1), "ann")
        with ThreadPoolExecutor(2) as threads:
            joined = threads.submit(stores[0].add_member, project_id, bob, "owner")
            deleted = threads.submit(stores[1].delete_project, project_id)
            assert deleted.result()
            with suppress(NotFound):
                assert joined.result().user_id == "bob"
        assert list(stores[0].members_of(project_id)) == []
        assert stores[0].role(project_id, "bob") is None
    assert list(stores[1].projects_of("bob")) == []
