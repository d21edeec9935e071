"""Times: milliseconds since the epoch inside, ISO 8601 with milliseconds and `Z` in an answer."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final

__all__ = ["EPOCH", "SteadyClock", "iso", "now_ms", "whole_ms"]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _passed_ns() -> int:
    """Return a time that only passes, where there is one also while the machine sleeps."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def now_ms() -> int:
    """Return the time in whole milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


def iso(ms: float) -> str:
    """Format milliseconds since the epoch as `2026-01-11T16:54:53.243Z`."""
    at = EPOCH + timedelta(milliseconds=int(ms // 1))
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"  # which stands for +00:00


def whole_ms(at: datetime) -> int:
    """Return the milliseconds since the epoch, a fraction cut off; the time must have an offset."""
    return (at - EPOCH) // timedelta(milliseconds=1)


class SteadyClock:
    """Tells the time, but never more of it than has passed since the clock was made.

    A wall clock that jumps ahead must not make everything too old at once. It follows one that is set back.
    """

    def __init__(self, wall_ms: Callable[[], int] = now_ms, passed_ns: Callable[[], int] = _passed_ns) -> None:
        self._wall_ms = wall_ms
        self._passed_ns = passed_ns
        self._ahead_ms = wall_ms() - passed_ns() // 1_000_000

    def __call__(self) -> int:
        """Return the time in whole milliseconds since the Unix epoch."""
        return min(self._wall_ms(), self._ahead_ms + self._passed_ns() // 1_000_000)
