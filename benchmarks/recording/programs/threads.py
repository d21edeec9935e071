"""How much more, or less, several threads record than one.

python -m recording.programs.threads TOOL OPTIONS
"""

import statistics
import sys
import threading
import time

import msgspec

from recording.programs.work import WORKS
from recording.tools.tool import Function, Tool, load_tool


class Options(msgspec.Struct):
    """Bursts by one thread and by many, in turn."""

    threads: int
    calls: int
    """In a burst, by all threads together."""
    bursts: int


class Speeds(msgspec.Struct):
    """Calls a second, medians of the bursts."""

    one: float
    many: float


def main(tool_name: str, options: Options) -> Speeds:
    """Measure one tool."""
    tool = load_tool(tool_name)
    function = tool.record(WORKS["small"].function)
    speeds: dict[int, list[float]] = {1: [], options.threads: []}
    for burst in range(options.bursts + 1):
        for threads, found in speeds.items():
            speed = _speed(tool, function, threads, options.calls)
            tool.drain()
            if burst:  # the first one warms up
                found.append(speed)
    return Speeds(statistics.median(speeds[1]), statistics.median(speeds[options.threads]))


def _speed(tool: Tool, function: Function, threads: int, calls: int) -> float:
    start = threading.Barrier(threads)
    arguments = WORKS["small"].arguments(calls // threads)
    times: list[float] = []

    def work() -> None:
        with tool.trace():
            start.wait()
            times.append(time.perf_counter())
            for each in arguments:
                function(*each)
            times.append(time.perf_counter())

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return calls / (max(times) - min(times))


if __name__ == "__main__":
    print(msgspec.json.encode(main(sys.argv[1], msgspec.json.decode(sys.argv[2], type=Options))).decode())
