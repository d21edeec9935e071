"""The rows that compare what a call costs: ours and each peer in turn, burst by burst, ratios pair by pair."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from recording.bench import Bench, Row, fresh_environment
from recording.contestant import Contestant
from recording.counts import Counts
from recording.programs.calls import Costs
from recording.table import Line, ratio_line
from recording.titles import TITLES

__all__ = ["TIMED_ROWS"]

ALL: dict[str, float | None] = {"otel": None, "datadog": None, "otel_json": None, "langfuse": None}
PROGRAM = "recording.programs.calls"
QUICK_CALLS = 200  # in one burst: enough to see that everything works
UNCOUNTED = ("datadog", "xray_off")  # the one's format names its spans once a request, the other sends nothing


class Figure(NamedTuple):
    """One of `Costs`, and against whom it counts; a peer without a bar is shown only."""

    what: str
    name: str
    bars: dict[str, float | None]


class Comparison(NamedTuple):
    """What is done by all, and what is told of it."""

    work: str
    calls: int
    """In a burst."""
    bursts: int
    """In a round: of one process of each tool."""
    figures: tuple[Figure, ...]
    ours: str = "xray"

    def tools(self) -> list[str]:
        """Return all that are measured, ours first."""
        return [self.ours, *{peer: None for figure in self.figures for peer in figure.bars}]


class Burst(NamedTuple):
    """One tool's measurement."""

    costs: Costs
    lost: int


def _compared(comparison: Comparison, bench: Bench) -> Iterator[Line]:
    if bench.is_quick:
        comparison = comparison._replace(calls=min(comparison.calls, QUICK_CALLS), bursts=1)
    bursts: dict[str, list[Burst]] = {name: [] for name in comparison.tools()}
    for _ in range(bench.rounds):
        _round(comparison, bench, bursts)
    lost = {name: sum(burst.lost for burst in bursts[name]) for name in bursts}
    for figure in comparison.figures:
        found = {name: [getattr(burst.costs, figure.name) for burst in bursts[name]] for name in bursts}
        for peer, bar in figure.bars.items():
            title = TITLES[peer] + (f" ({lost[peer]} LOST)" if lost[peer] else "")
            yield ratio_line(figure.what, found[comparison.ours], found[peer], title, "µs", bar)
    if lost[comparison.ours]:
        yield Line(f"{comparison.figures[0].what}: lost", f"{lost[comparison.ours]} steps", "", "", "<= 0 steps", False)


def _round(comparison: Comparison, bench: Bench, bursts: dict[str, list[Burst]]) -> None:
    """Start each tool in a process of its own, and measure them in turn, in reversed order every other time."""
    with ExitStack() as stack:
        running: dict[str, Contestant] = {}
        for name in bursts:
            environment = stack.enter_context(fresh_environment(bench.sink.url))
            contestant = Contestant(PROGRAM, [name, comparison.work, str(comparison.calls)], environment)
            running[name] = stack.enter_context(contestant)
        for each in range(comparison.bursts):
            for name in running if each % 2 == 0 else reversed(running):
                bursts[name].append(_measured(name, running[name], comparison.calls, bench))


def _measured(name: str, contestant: Contestant, calls: int, bench: Bench) -> Burst:
    """Have one burst done, and look at the sink whether all has arrived: what is lost costs less than what is sent."""
    bench.sink.order()
    costs = contestant.burst(Costs)
    return Burst(costs, 0 if name in UNCOUNTED else calls - _arrived(name, bench.sink.counts()))


def _arrived(name: str, counts: Counts) -> int:
    return counts.steps if name == "xray" else counts.spans


SMALL = Comparison(
    work="small",
    calls=2000,
    bursts=10,
    figures=(
        Figure("captured step, small arguments, caller's thread", "wall_us", {**ALL, "otel": 0.25, "datadog": 0.6}),
        Figure("the same, processor time of the caller's thread alone", "thread_us", ALL),
    ),
)

FLOOD = Comparison(
    work="small",
    calls=20_000,
    bursts=2,
    figures=(
        Figure("all process CPU until delivered, 20,000 calls", "cpu_us", {**ALL, "otel_json": 0.35}),
        Figure("the same in the caller's thread, sending beside", "wall_us", ALL),
    ),
)

ASYNC = Comparison(
    work="async",
    calls=2000,
    bursts=10,
    figures=(
        Figure("`async` no-op step", "wall_us", {"otel": 0.3, "datadog": None, "langfuse": None}),
        Figure("the same, processor time of the caller's thread alone", "thread_us", {"otel": None}),
    ),
)

DICTS = Comparison(
    work="dicts",
    calls=600,  # OpenTelemetry exports when it has 512: with fewer its background has nothing to do meanwhile
    bursts=2,
    figures=(
        Figure("1,000 small dicts in and out (the same list)", "wall_us", {"otel_json": 0.15, "langfuse": None}),
        Figure("the same, processor time of the caller's thread alone", "thread_us", {"otel_json": None}),
    ),
)

TEXT = Comparison(
    work="text",
    calls=20,
    bursts=4,
    figures=(
        Figure("1 MB string in and out", "wall_us", {"otel_json": 0.2, "langfuse": None}),
        Figure("the same, processor time of the caller's thread alone", "thread_us", {"otel_json": None}),
    ),
)

OFF = Comparison(
    work="nothing",
    calls=2000,
    bursts=10,
    figures=(
        Figure("turned off after decoration", "wall_us", {"otel": 0.05}),
        Figure("the same, processor time of the caller's thread alone", "thread_us", {"otel": None}),
    ),
    ours="xray_off",
)

TIMED_ROWS = [
    Row("small", "captured step, small arguments, caller's thread", partial(_compared, SMALL)),
    Row("cpu", "the same, all process CPU until delivered", partial(_compared, FLOOD)),
    Row("async", "`async` no-op step", partial(_compared, ASYNC)),
    Row("dicts", "1,000 small dicts in and out", partial(_compared, DICTS)),
    Row("text", "1 MB string in and out", partial(_compared, TEXT)),
    Row("off", "turned off after decoration", partial(_compared, OFF)),
]
