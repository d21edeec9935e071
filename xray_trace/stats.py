"""Counts that add up: recorded + adopted = delivered + pending + dropped + handed over."""

import itertools
import threading
from collections import Counter
from collections.abc import Mapping

import msgspec

from xray_trace.ids import new_id

__all__ = ["FlushResult", "Stats", "StatsSnapshot", "Tally"]


class Tally:
    """A count that any thread, and a signal handler, may raise without a lock.

    Advancing `itertools.count` is one step of the interpreter, so no increment is lost; reading advances it
    too, and is subtracted again.
    """

    def __init__(self) -> None:
        self._ticks = itertools.count()
        self.add_one = self._ticks.__next__
        """Counts one more."""
        self._reads = 0
        self._reading = threading.RLock()

    def forget_lock(self) -> None:
        """Replace, in a fork's child, the lock that a thread of the parent may have held."""
        self._reading = threading.RLock()

    def value(self) -> int:
        """Return how often `add_one` was called."""
        with self._reading:
            ticks = next(self._ticks)
            self._reads += 1
            return ticks - (self._reads - 1)


class StatsSnapshot(msgspec.Struct, frozen=True):
    """Where every item is. An item is one event as the server sees it, or one blob that is uploaded by itself."""

    recorded: int
    adopted: int
    delivered: int
    pending: int
    dropped: Mapping[str, int]
    handed_over: int
    swallowed: int
    """Errors of the SDK's own that the guard kept from the program."""


class FlushResult(msgspec.Struct, frozen=True):
    """What a flush came to."""

    delivered: int
    """Items delivered since the program began."""
    pending: int
    """Items that are still on this machine."""
    dropped: Mapping[str, int] = {}
    """Items lost, by reason."""


class Stats:
    """The book-keeping; `record_one` may be called from anywhere, the rest from the background or a slow path."""

    def __init__(self) -> None:
        self._recorded = Tally()
        self.record_one = self._recorded.add_one
        """Counts one recorded item; may be called from anywhere."""
        self._swallowed = Tally()
        self._lock = threading.RLock()
        self._extra_recorded = 0
        self._adopted = 0
        self._delivered = 0
        self._handed_over = 0
        self._dropped: Counter[str] = Counter()
        self._process = new_id()
        self._dropped_before: Counter[str] = Counter()
        """What a fork's parent had lost, and tells of itself."""

    def swallow_one(self) -> None:
        """Count one error that the guard kept from the program."""
        self._swallowed.add_one()

    def record(self, count: int) -> None:
        """Count items that the background found in a record, beyond the record's own event."""
        with self._lock:
            self._extra_recorded += count

    def adopt(self, count: int) -> None:
        """Count items taken over from a process that is gone."""
        with self._lock:
            self._adopted += count

    def deliver(self, count: int) -> None:
        """Count items that the server has."""
        with self._lock:
            self._delivered += count

    def hand_over(self, count: int) -> None:
        """Count items that another process took over, as a fork's child does not."""
        with self._lock:
            self._handed_over += count

    def drop(self, reason: str, count: int = 1) -> None:
        """Count items that are lost."""
        with self._lock:
            self._dropped[reason] += count

    def snapshot(self) -> StatsSnapshot:
        """Return all counts at one moment."""
        with self._lock:
            recorded = self._recorded.value() + self._extra_recorded
            dropped = dict(self._dropped)
            gone = self._delivered + self._handed_over + sum(dropped.values())
            return StatsSnapshot(
                recorded=recorded,
                adopted=self._adopted,
                delivered=self._delivered,
                pending=recorded + self._adopted - gone,
                dropped=dropped,
                handed_over=self._handed_over,
                swallowed=self._swallowed.value(),
            )

    def drop_report(self) -> tuple[str, dict[str, int]]:
        """Return an id of this process and what it has lost since it began, by reason."""
        with self._lock:
            return self._process, dict(self._dropped - self._dropped_before)

    def after_fork_in_child(self) -> None:
        """Leave to the parent what is the parent's: what is pending here is handed over to it."""
        self._lock = threading.RLock()
        self._process, self._dropped_before = new_id(), self._dropped.copy()
        self._recorded.forget_lock()
        self._swallowed.forget_lock()
        self.hand_over(self.snapshot().pending)

    def flush_result(self) -> FlushResult:
        """Return the counts that a flush reports."""
        now = self.snapshot()
        return FlushResult(now.delivered, now.pending, now.dropped)
