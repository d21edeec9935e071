"""Two clocks: one for dates, one for durations."""

import time
from collections.abc import Callable

__all__ = ["Monotonic", "WallClock", "monotonic_seconds", "wall_seconds"]

WallClock = Callable[[], float]
"""Seconds since the Unix epoch, exact to a microsecond."""

Monotonic = Callable[[], float]
"""Seconds that never go back; only differences mean anything."""

wall_seconds: WallClock = time.time
monotonic_seconds: Monotonic = time.perf_counter
