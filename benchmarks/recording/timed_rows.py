"""The rows that compare what a call costs: ours and each peer in turn, several rounds, ratios within a round."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import msgspec

from recording.bench import Bench, Row, fresh_environment
from recording.counts import Counts
from recording.program import run
from recording.programs.calls import WARM_UP_CALLS, Costs, Options
from recording.table import Line, ratio_line
from recording.titles import TITLES

__all__ = ["TIMED_ROWS"]

ALL: dict[str, float | None] = {"otel": None, "datadog": None, "otel_json": None, "langfuse": None}
QUICK_CALLS = 200  # in one burst: enough to see that everything works


class Comparison(NamedTuple):
    """What is done by all, which figure counts, and against whom; a peer without a bar is shown only."""

    options: Options
    figure: str
    bars: dict[str, float | None]
    ours: str = "xray"


class Run(NamedTuple):
    """One tool's measurement."""

    costs: Costs
    lost: int


def _row(name: str, what: str, comparison: Comparison) -> Row:
    return Row(name, what, partial(_compared, what, comparison))


def _compared(what: str, comparison: Comparison, bench: Bench) -> Iterator[Line]:
    contestants = [comparison.ours, *comparison.bars]
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    for each in range(bench.rounds):
        for name in contestants if each % 2 == 0 else reversed(contestants):
            runs[name].append(_measured(name, _sized(comparison.options, bench), bench))
    found = {name: [getattr(run.costs, comparison.figure) for run in runs[name]] for name in runs}
    for peer, bar in comparison.bars.items():
        lost = sum(run.lost for run in runs[peer])
        title = TITLES[peer] + (f" ({lost} LOST)" if lost else "")
        yield ratio_line(what, found[comparison.ours], found[peer], title, "µs", bar)
    lost = sum(run.lost for run in runs[comparison.ours])
    if lost:
        yield Line(f"{what}: lost", f"{lost} steps", "", "", "<= 0 steps", False)


def _sized(options: Options, bench: Bench) -> Options:
    if not bench.is_quick:
        return options
    return msgspec.structs.replace(options, calls=min(options.calls, QUICK_CALLS), bursts=1)


def _measured(name: str, options: Options, bench: Bench) -> Run:
    """Run one tool once, and look at the sink whether all has arrived: what is lost costs less than what is sent."""
    bench.sink.order()
    text = msgspec.json.encode(options).decode()
    with fresh_environment(bench.sink.url) as environment:
        if name == "off":
            return Run(run("turned_off", [text], environment, Costs), 0)
        costs = run("calls", [name, text], environment, Costs)
    expected = options.calls * options.bursts + min(WARM_UP_CALLS, options.calls)
    return Run(costs, expected - _arrived(name, bench.sink.counts(), expected))


def _arrived(name: str, counts: Counts, expected: int) -> int:
    """Return how many calls the sink has seen; ddtrace's format names them once a request, so they are not counted."""
    if name == "datadog":
        return expected
    return counts.steps if name == "xray" else counts.spans


SMALL = Options("small", calls=2000, bursts=5)
NOTHING = Options("nothing", calls=2000, bursts=5)
FLOOD = Options("small", calls=20_000, bursts=1, rest=False)

TIMED_ROWS = [
    _row(
        "small",
        "captured step, small arguments, caller's thread",
        Comparison(SMALL, "wall_us", {**ALL, "otel": 0.25, "datadog": 0.6}),
    ),
    _row(
        "sustained",
        "the same without a pause, 20,000 calls, sending beside",
        Comparison(FLOOD, "wall_us", ALL),
    ),
    _row(
        "cpu",
        "all process CPU until delivered, 20,000 calls",
        Comparison(FLOOD, "cpu_us", {**ALL, "otel_json": 0.35}),
    ),
    _row(
        "async",
        "`async` no-op step",
        Comparison(Options("async", calls=2000, bursts=5), "wall_us", {"otel": 0.3, "datadog": None, "langfuse": None}),
    ),
    _row(
        "dicts",
        "1,000 small dicts in and out (the same list)",
        Comparison(Options("dicts", calls=40, bursts=3), "wall_us", {"otel_json": 0.15, "langfuse": None}),
    ),
    _row(
        "text",
        "1 MB string in and out",
        Comparison(Options("text", calls=20, bursts=3), "wall_us", {"otel_json": 0.2, "langfuse": None}),
    ),
    _row(
        "off",
        "turned off after decoration",
        Comparison(NOTHING, "wall_us", {"otel": 0.05}, ours="off"),
    ),
]
