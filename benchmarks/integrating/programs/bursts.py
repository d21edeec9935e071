"""One burst for each line that is read, answered with a line; so several programs are measured in turn."""

import sys
import time
from collections.abc import Callable

import msgspec

__all__ = ["Costs", "answer_bursts"]


class Costs(msgspec.Struct):
    """What one burst came to, for one run of the work."""

    wall_us: float
    """By the clock."""
    thread_us: float
    """Of the processor, the caller's thread alone: what other programs take does not show in it."""


def answer_bursts(work: Callable[[int], None], count: int, drain: Callable[[], object]) -> None:
    """Warm up, then do `count` runs for each line, and send what was recorded before the next."""
    work(max(count // 5, 1))
    drain()
    print("ready", flush=True)
    for _ in sys.stdin:
        began, began_thread = time.perf_counter(), time.thread_time()
        work(count)
        wall, thread = time.perf_counter() - began, time.thread_time() - began_thread
        drain()
        print(msgspec.json.encode(Costs(wall / count * 1e6, thread / count * 1e6)).decode(), flush=True)
