"""Traces that a person deletes, at best while they are recorded still, over an API that may be away."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import requests

from tests.backend.server import Person
from tests.live.chaos.labels import is_doomed

__all__ = ["Deletions"]

LOOK_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
SETTLE_SECONDS = 60.0  # all is there then, so each takes one call


@dataclass
class Doomed:
    """A trace that is to be deleted."""

    place: int
    trace_id: str
    is_unsure: bool = False
    """A call had no answer, or one that leaves open whether it is deleted."""
    due: float = 0.0
    pause_seconds: float = LOOK_SECONDS

    def wait(self) -> None:
        """Let more time pass each time: a consumer that is behind is not helped by questions."""
        self.due = time.monotonic() + self.pause_seconds
        self.pause_seconds = min(self.pause_seconds * 2, LONGEST_PAUSE_SECONDS)


class Deletions:
    """`with` runs a thread that deletes what it hears of."""

    def __init__(self, persons: Sequence[Person]) -> None:
        self.deleted: list[set[str]] = [set() for _ in persons]
        """Which traces are deleted, by the place of their program."""
        self._persons = persons
        self._waiting: dict[str, Doomed] = {}
        self._all_is_there = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="deletions", daemon=True)

    def __enter__(self) -> "Deletions":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        self._thread.join()

    def hear_step(self, place: int, label: str, trace_id: str) -> None:
        """Hear of a step; the first one of a trace that is to be deleted has it deleted."""
        number, step = label.split("/")[-2:]
        if step == "0" and is_doomed(int(number)):
            self._waiting[trace_id] = Doomed(place, trace_id)

    def settle(self) -> None:
        """Return once all are deleted; all that was recorded must be stored."""
        self._all_is_there = True
        deadline = time.monotonic() + SETTLE_SECONDS
        while self._waiting:
            assert self._thread.is_alive(), "the deletions ended by an error"
            assert time.monotonic() < deadline, f"these traces cannot be deleted: {self._waiting}"
            time.sleep(LOOK_SECONDS)
        self._all_is_there = False

    def _work(self) -> None:
        while not self._ending.wait(LOOK_SECONDS):
            now = time.monotonic()
            for doomed in [one for one in list(self._waiting.values()) if one.due <= now or self._all_is_there]:
                if self._is_gone(doomed):
                    self.deleted[doomed.place].add(doomed.trace_id)
                    del self._waiting[doomed.trace_id]
                else:
                    doomed.wait()

    def _is_gone(self, doomed: Doomed) -> bool:
        """Delete it; false if nothing of it has come so far, or nobody can say."""
        try:
            answered = self._persons[doomed.place].call("DELETE", f"traces/{doomed.trace_id}")
        except requests.RequestException:
            doomed.is_unsure = True
            return False
        if answered.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            doomed.is_unsure = True
            return False
        assert answered.status_code in (HTTPStatus.OK, HTTPStatus.NOT_FOUND), answered.text
        return answered.status_code == HTTPStatus.OK or (doomed.is_unsure and self._all_is_there)
