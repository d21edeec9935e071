"""Measures the rows that are asked for, and prints each line when it is known."""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.metadata import version
from typing import NamedTuple

from processor_time import cpu_seconds, with_children
from recording.bench import fresh_environment
from recording.contestant import Contestant
from recording.sink_process import SinkProcess
from recording.table import Line, heading, ratio_line, show

from integrating.programs.bursts import Costs
from tests.servers.redis import Redis

PACKAGES = (
    "langchain-core",
    "celery",
    "langfuse",
    "openinference-instrumentation-langchain",
    "opentelemetry-instrumentation-celery",
)
TITLES = {"openinference": "OpenInference", "langfuse": "Langfuse", "otel": "OpenTelemetry"}
QUICK_RUNS = 5
ARRIVAL_SECONDS = 20.0  # a worker's tools send every five seconds by themselves


class Comparison(NamedTuple):
    """What is done by all; the first is the program untraced, the second is ours."""

    what: str
    module: str
    arguments: Callable[[str, int], list[str]]
    tools: tuple[str, ...]
    runs: int
    """In a burst."""
    bursts: int
    """In a round: of one process of each tool."""
    figure: str
    """The one of `Costs` that the bar is for."""
    beside: tuple[str, str]
    """Another one, to be read, and what it is."""
    bar: float | None
    least_arrived: int
    """Steps, or spans, that each run leaves at the sink; fewer means that some were lost."""


NESTED = Comparison(
    "20 nested LangChain runnables",
    "integrating.programs.nested",
    lambda tool, runs: [tool, str(runs)],
    ("plain", "xray", "openinference", "langfuse"),
    runs=50,
    bursts=10,
    figure="mean_us",
    beside=("thread_us", "processor time of the caller"),
    bar=0.25,
    least_arrived=20,
)


def _celery(what: str, work: str, runs: int, figure: str, bar: float | None) -> Comparison:
    return Comparison(
        what,
        "integrating.programs.round_trips",
        lambda tool, tasks: [work, str(tasks)],
        ("plain", "xray", "otel"),
        runs,
        bursts=6,
        figure=figure,
        beside=("processor_us", "processor time of client and worker"),
        bar=bar,
        least_arrived=2,
    )


ROWS = {
    "nested": [NESTED],
    "celery": [
        _celery("a Celery task through Redis, prefork, one after another", "one", 200, "median_us", 0.5),
        _celery("the same, 500 sent at once", "many", 500, "mean_us", None),
    ],
}


def main() -> int:
    """Measure and print; exit status 1 says that a bar is not met."""
    options = _options()
    print(f"Python {sys.version.split()[0]}, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {options.rounds} round(s)")
    print("overhead over the same program untraced; medians of the bursts\n")
    print(heading())
    met = True
    with SinkProcess() as sink, Redis() as redis:
        for comparison in [each for row in options.rows or ROWS for each in ROWS[row]]:
            if options.quick:
                comparison = comparison._replace(runs=QUICK_RUNS, bursts=1)
            for line in _compared(comparison, sink, redis.address, options.rounds):
                print(show(line), flush=True)
                met &= line.is_met is not False
    return 0 if met else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="integrations.py")
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="which rows to measure; all where none is named")
    parser.add_argument("--rounds", type=int, help="how often each tool is started (3)")
    parser.add_argument("--quick", action="store_true", help="one small round of everything, to see that it works")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    return options


def _compared(comparison: Comparison, sink: SinkProcess, redis_address: str, rounds: int) -> Iterator[Line]:
    found: dict[str, list[Costs]] = {tool: [] for tool in comparison.tools}
    for _ in range(rounds):
        with ExitStack() as stack:
            running = {tool: _started(stack, comparison, tool, sink.url, redis_address) for tool in comparison.tools}
            for tool in _turns(comparison):
                found[tool].append(_burst(comparison, tool, running[tool], sink))
    lost = {tool: sum(each.lost for each in found[tool]) for tool in found}
    beside, named = comparison.beside
    for figure, what in ((comparison.figure, comparison.what), (beside, f"the same, {named}")):
        figures = {tool: [getattr(each, figure) for each in found[tool]] for tool in found}
        yield from _lines(comparison, what, figures, comparison.bar if figure == comparison.figure else None, lost)


def _turns(comparison: Comparison) -> Iterator[str]:
    for each in range(comparison.bursts):
        yield from comparison.tools if each % 2 == 0 else reversed(comparison.tools)


def _burst(comparison: Comparison, tool: str, contestant: Contestant, sink: SinkProcess) -> Costs:
    sink.order()
    before = _cpu_seconds(contestant)
    costs = contestant.burst(Costs)
    costs.lost = _lost(comparison, tool, sink)
    costs.processor_us = (_cpu_seconds(contestant) - before) / comparison.runs * 1e6
    return costs


def _cpu_seconds(contestant: Contestant) -> float:
    return sum(map(cpu_seconds, with_children(contestant.process_id)))


def _started(stack: ExitStack, comparison: Comparison, tool: str, url: str, redis_address: str) -> Contestant:
    number = comparison.tools.index(tool)  # each has a database of its own, so that no worker takes another's tasks
    environment = stack.enter_context(fresh_environment(url))
    environment |= {"BENCHMARK_TOOL": tool, "BENCHMARK_REDIS": f"redis://{redis_address}/{number}"}
    return stack.enter_context(Contestant(comparison.module, comparison.arguments(tool, comparison.runs), environment))


def _lost(comparison: Comparison, tool: str, sink: SinkProcess) -> int:
    """Wait until all has arrived: what is lost costs less than what is sent, and what is late disturbs the next."""
    if tool == "plain":
        return 0
    wanted = comparison.runs * comparison.least_arrived
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while (missing := wanted - _arrived(tool, sink)) > 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    return max(missing, 0)


def _arrived(tool: str, sink: SinkProcess) -> int:
    counts = sink.counts()
    return counts.steps if tool == "xray" else counts.spans


def _lines(
    comparison: Comparison, what: str, costs: dict[str, list[float]], bar: float | None, lost: dict[str, int]
) -> Iterator[Line]:
    """Compare the medians of the bursts' overheads; the bar is for the better of the peers."""
    over = {
        tool: statistics.median(one - untraced for one, untraced in zip(costs[tool], costs["plain"], strict=True))
        for tool in comparison.tools
    }
    peers = sorted(comparison.tools[2:], key=lambda tool: over[tool])
    for peer in peers:
        title = TITLES[peer] + (f" ({lost[peer]} LOST)" if lost[peer] else "")
        yield ratio_line(what, [over["xray"]], [over[peer]], title, "µs", bar if peer == peers[0] else None)
    untraced = statistics.median(costs["plain"])
    yield Line(f"{what}: untraced", f"{untraced:.4g} µs", "", "", "", None)
    if lost["xray"]:
        yield Line(f"{what}: lost", f"{lost['xray']} steps", "", "", "<= 0 steps", False)


if __name__ == "__main__":
    sys.exit(main())
