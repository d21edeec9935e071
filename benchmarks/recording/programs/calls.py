"""What a recorded call costs: in the caller's thread by the clock, and of the processor until all is delivered.

python -m recording.programs.calls TOOL OPTIONS
"""

import asyncio
import inspect
import statistics
import sys
import time

import msgspec

from recording.programs.work import WORKS, Arguments
from recording.tools.tool import Function, Tool, load_tool

WARM_UP_CALLS = 200  # the first ones make threads, files and connections


class Options(msgspec.Struct):
    """Bursts of calls."""

    work: str
    calls: int
    """In a burst."""
    bursts: int
    rest: bool = True
    """Whether all is sent after a burst before the next begins; else they follow at once, and sending runs beside."""


class Costs(msgspec.Struct):
    """What one run came to."""

    wall_us: float
    """By the clock for one call: the median of the bursts."""
    cpu_us: float
    """Of the processor for one call, all threads, until all is delivered."""


def main(tool_name: str, options: Options) -> Costs:
    """Measure one tool."""
    tool = load_tool(tool_name)
    work = WORKS[options.work]
    arguments = work.arguments(options.calls)
    is_async = inspect.iscoroutinefunction(work.function)
    function = (tool.record_async if is_async else tool.record)(work.function)
    burst = _async_burst if is_async else _burst
    burst(tool, function, arguments[:WARM_UP_CALLS])
    tool.drain()
    cpu = time.process_time()
    walls = []
    for _ in range(options.bursts):
        walls.append(burst(tool, function, arguments))
        if options.rest:
            tool.drain()
    tool.drain()
    cpu = time.process_time() - cpu
    calls = options.calls * options.bursts
    return Costs(statistics.median(walls) / options.calls * 1e6, cpu / calls * 1e6)


def _burst(tool: Tool, function: Function, arguments: Arguments) -> float:
    """Return how long the calls took, within one trace."""
    with tool.trace():
        began = time.perf_counter()
        for each in arguments:
            function(*each)
        return time.perf_counter() - began


def _async_burst(tool: Tool, function: Function, arguments: Arguments) -> float:
    return asyncio.run(_awaited(tool, function, arguments))


async def _awaited(tool: Tool, function: Function, arguments: Arguments) -> float:
    with tool.trace():
        began = time.perf_counter()
        for each in arguments:
            await function(*each)
        return time.perf_counter() - began


if __name__ == "__main__":
    print(msgspec.json.encode(main(sys.argv[1], msgspec.json.decode(sys.argv[2], type=Options))).decode())
