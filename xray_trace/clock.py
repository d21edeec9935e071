"""Two clocks: one for dates, one for durations."""

import time
from collections.abc import Callable

__all__ = ["Monotonic", "WallClock", "monotonic_seconds", "wall_ms"]

WallClock = Callable[[], float]
"""Milliseconds since the Unix epoch, with a fraction."""

Monotonic = Callable[[], float]
"""Seconds that never go back; only differences mean anything."""

monotonic_seconds: Monotonic = time.perf_counter


def wall_ms() -> float:
    """Return the time in milliseconds since the Unix epoch, exact to a microsecond."""
    return time.time_ns() // 1000 / 1000
