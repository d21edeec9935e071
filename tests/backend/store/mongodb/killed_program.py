"""A process that does one thing to a store, and is killed before it sends its nth write.

With `late` in front of the deed, what it writes is deleted after its look for tombstones.
"""

import os
import signal
import traceback
from collections.abc import Callable, Mapping
from functools import partial

from tests.backend.store.mongodb.clock import NOW, SetClock
from tests.backend.store.mongodb.watching import WRITES, seen_by
from tests.contract.test_deletions import DAY_MS, full_trace, remove_all
from xray_backend.store.base import Store
from xray_backend.store.mongodb.store import MongoStore
from xray_backend.store.records import Project

__all__ = ["FAILED", "HOUR_MS", "PROJECT", "run"]

FAILED = 70
HOUR_MS = 60 * 60 * 1000
"""By then a deleted trace is hidden no more, since nothing of it is left."""

RECORDED = frozenset({"traces", "steps", "data"})
PROJECT = Project("p", "1" * 24, "One", NOW, NOW, 30)


class Killer:
    """Counts the writes; and does something before the first that stores what was recorded, and counts from there."""

    def __init__(self, nth: int, before: Callable[[], object] | None) -> None:
        self._left = nth
        self._before = before

    def __call__(self, command: str, collection: str) -> None:
        if command in WRITES and (self._before is None or collection in RECORDED):
            if self._before is not None:
                _or_fail(self._before)
                self._before = None
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)


def _or_fail(action: Callable[[], object]) -> None:
    """Do it, and end the process if that fails: PyMongo would go on."""
    try:
        with seen_by(None):
            action()
    except BaseException:
        traceback.print_exc()
        os._exit(FAILED)


def create_project(store: Store) -> None:
    store.create_project(PROJECT, "ann")


def delete_project(store: Store) -> None:
    store.delete_project("p")


def delete_trace(store: Store) -> None:
    store.delete_trace("p", "doomed")
    remove_all(store)


def expire(store: Store) -> None:
    store.expire_traces(100)
    remove_all(store)


def write(store: Store) -> None:
    store.write(full_trace("doomed"))


DEEDS: Mapping[str, Callable[[Store], None]] = {
    deed.__name__: deed for deed in (create_project, delete_project, delete_trace, expire, write)
}


def delete_meanwhile(url: str, late: str) -> None:
    """Delete, and remove what is there, after a writer looked for a tombstone and before it writes."""
    clock = SetClock()
    other = MongoStore(url, clock=clock)
    assert other.delete_project("p") if late == "project late" else other.delete_trace("p", "doomed")
    remove_all(other)
    if late == "very late":
        clock.now_ms += HOUR_MS
        remove_all(other)
    other.close()


def run(url: str, deed: str, nth: int) -> None:
    clock = SetClock()
    clock.now_ms += 31 * DAY_MS if deed == "expire" else 0
    store = MongoStore(url, clock=clock)
    late, _, name = deed.rpartition(" ")
    before = partial(delete_meanwhile, url, late) if late else None
    with seen_by(Killer(nth, before)):
        DEEDS[name](store)
    store.close()
