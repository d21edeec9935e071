"""One burst for each line that is read, answered with a line; so several programs are measured in turn."""

import statistics
import sys
import time
from collections.abc import Callable, Iterable

import msgspec

__all__ = ["Costs", "answer_bursts"]


class Costs(msgspec.Struct):
    """What one burst came to, for one run of the work."""

    mean_us: float
    """By the clock."""
    median_us: float
    """By the clock, of one in the middle: what the machine does beside in single runs does not show."""
    thread_us: float
    """Of the processor, the caller's thread alone: what other programs take does not show in it."""
    processor_us: float = 0.0
    """Of the processor, all the program's processes until all is sent; whoever started it knows, and what was lost."""
    lost: int = 0
    """Steps, or spans, of the whole burst that never arrived."""


def answer_bursts(work: Callable[[int], Iterable[object]], count: int, drain: Callable[[], object]) -> None:
    """Warm up, then do `count` runs for each line, and send what was recorded; `work` yields after each run."""
    for _ in work(max(count // 5, 1)):
        pass
    drain()
    print("ready", flush=True)
    for _ in sys.stdin:
        began, began_thread = time.perf_counter(), time.thread_time()
        ends = [time.perf_counter() for _ in work(count)]
        thread = time.thread_time() - began_thread
        drain()
        singles = [end - before for before, end in zip([began, *ends], ends, strict=False)]
        costs = Costs((ends[-1] - began) / count * 1e6, statistics.median(singles) * 1e6, thread / count * 1e6)
        print(msgspec.json.encode(costs).decode(), flush=True)
