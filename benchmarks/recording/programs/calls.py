"""What a recorded call costs: in the caller's thread by the clock, and of the processor until all is delivered.

    python -m recording.programs.calls TOOL WORK CALLS

Does one burst of calls for each line that it reads, and answers with a line; so several tools, each in a process
of its own, are measured in turn.
"""

import asyncio
import inspect
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from recording.programs.work import WORKS, Arguments
from recording.tools.tool import Function, Tool, load_tool

WARM_UP_CALLS = 200  # the first ones make threads, files and connections


class Times(NamedTuple):
    """Seconds of all calls of a burst."""

    wall: float
    thread: float


class Costs(msgspec.Struct):
    """What one burst came to."""

    wall_us: float
    """By the clock for one call."""
    thread_us: float
    """Of the processor for one call, the caller's thread alone: what other programs take does not show in it."""
    cpu_us: float
    """Of the processor for one call, all threads, until all is delivered."""


def main(tool_name: str, work_name: str, calls: int) -> None:
    """Measure one tool, as often as is asked for."""
    tool = load_tool(tool_name)
    work = WORKS[work_name]
    arguments = work.arguments(calls)
    is_async = inspect.iscoroutinefunction(work.function)
    function = (tool.record_async if is_async else tool.record)(work.function)
    burst = _async_burst if is_async else _burst
    burst(tool, function, arguments[:WARM_UP_CALLS])
    tool.drain()
    print("ready", flush=True)
    for _ in sys.stdin:
        costs = _costs(tool, lambda: burst(tool, function, arguments), calls)
        print(msgspec.json.encode(costs).decode(), flush=True)


def _costs(tool: Tool, burst: Callable[[], Times], calls: int) -> Costs:
    cpu = time.process_time()
    times = burst()
    tool.drain()
    return Costs(times.wall / calls * 1e6, times.thread / calls * 1e6, (time.process_time() - cpu) / calls * 1e6)


def _burst(tool: Tool, function: Function, arguments: Arguments) -> Times:
    """Return what the calls took, within one trace."""
    with tool.trace():
        began, began_thread = time.perf_counter(), time.thread_time()
        for each in arguments:
            function(*each)
        return Times(time.perf_counter() - began, time.thread_time() - began_thread)


def _async_burst(tool: Tool, function: Function, arguments: Arguments) -> Times:
    return asyncio.run(_awaited(tool, function, arguments))


async def _awaited(tool: Tool, function: Function, arguments: Arguments) -> Times:
    with tool.trace():
        began, began_thread = time.perf_counter(), time.thread_time()
        for each in arguments:
            await function(*each)
        return Times(time.perf_counter() - began, time.thread_time() - began_thread)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
