"""The rows with limits of their own: what a large value, many threads, a burst, a day and an exit do."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from socket import create_server

import msgspec

from recording.bench import Bench, Row, fresh_environment
from recording.program import run, start
from recording.programs import burst, day, large_value, recover, threads
from recording.sink_process import SinkProcess
from recording.table import Line, spread
from recording.titles import TITLES

__all__ = ["KEPT_ROWS"]

MB = 1_000_000
MIB = 1024 * 1024
SLOW_SECONDS = 0.2  # a request, of a server that is slow
RECOVERY_SECONDS = 300.0  # for sending a whole burst from the disk


def _large(bench: Bench) -> Iterator[Line]:
    rounds = []
    for _ in range(bench.rounds):
        with (
            tempfile.TemporaryDirectory(prefix="xray-bench-") as kept,
            fresh_environment(bench.sink.url) as environment,
        ):
            bench.sink.order(keep_in=kept)
            arguments = [str(bench.size(100, 10)), kept]
            rounds.append((run("large_value", arguments, environment, large_value.Outcome), bench.sink.counts()))
    outcomes = [outcome for outcome, _ in rounds]
    what = f"nested object of {outcomes[0].json_bytes / MB:.0f} MB of JSON"
    gaps = [outcome.gap_ms for outcome in outcomes]
    quiet = f"{statistics.median(outcome.quiet_gap_ms for outcome in outcomes):.3g} ms while nothing is recorded"
    yield _limit(f"{what}: longest gap of a heartbeat of 1 ms", gaps, "ms", 20, quiet)
    yield _limit(f"{what}: its call", [outcome.call_ms for outcome in outcomes], "ms", None)
    yield _limit(f"{what}: memory beyond it", [outcome.growth_bytes / MIB for outcome in outcomes], "MiB", 32)
    yield _limit(f"{what}: until delivered", [outcome.seconds for outcome in outcomes], "s", None)
    whole = sum(outcome.complete for outcome in outcomes)
    yield _all(f"{what}: complete at the sink", whole, bench.rounds)
    yield _all(f"{what}: marked `late`", sum(counts.late == 1 for _, counts in rounds), bench.rounds)


def _threads(bench: Bench) -> Iterator[Line]:
    options = threads.Options(threads=8, calls=bench.size(16_000, 800), bursts=bench.size(5, 1))
    for tool, bar in (("xray", 1.0), ("otel", None), ("datadog", None)):
        ratios = []
        for _ in range(bench.rounds):
            bench.sink.order()
            with fresh_environment(bench.sink.url) as environment:
                speeds = run("threads", [tool, _text(options)], environment, threads.Speeds)
            ratios.append(speeds.many / speeds.one)
        verdict = None if bar is None else statistics.median(ratios) >= bar
        what = f"8 threads at once, throughput over that of one: {TITLES[tool]}"
        yield Line(what, "", "", spread(ratios, "{:.3g}"), ">= 1" if bar else "", verdict)


def _off_for_good(bench: Bench) -> Iterator[Line]:
    with fresh_environment(bench.sink.url) as environment:
        same = run("off_for_good", [], {**environment, "XRAY_ENABLED": "0"}, bool)
    yield Line("off in the environment", "", "", "", "the function itself", same)


def _burst(bench: Bench) -> Iterator[Line]:
    """Record against a slow server; what it has not got by the end is sent by the next start, to a quick one."""
    options = burst.Options(steps=bench.size(200_000, 4000), flush_seconds=5.0)
    bench.sink.order(delay_seconds=SLOW_SECONDS)
    with fresh_environment(bench.sink.url) as environment:
        outcome = run("burst", [_text(options)], environment, burst.Burst)
        early = bench.sink.counts().steps
        missing = options.steps - early - _recovered(bench.sink, environment)
    what = f"burst of {options.steps:,} steps, slow server"
    yield _limit(f"{what}: lost", [missing + outcome.dropped], "steps", 0, f"{early} sent, the rest by the next start")
    yield _limit(f"{what}: memory growth", [outcome.growth_bytes / MIB], "MiB", 30)


def _recovered(sink: SinkProcess, environment: dict[str, str]) -> int:
    """Return how many steps come from the disk, beyond those that the sink has counted."""
    sink.order()
    run("recover", [str(RECOVERY_SECONDS)], environment, recover.Recovery)
    return sink.counts().steps


def _day(bench: Bench) -> Iterator[Line]:
    chunks = bench.size(50, 4)
    options = day.Options(chunks=chunks, steps=bench.day_steps // chunks)
    bench.sink.order()
    with fresh_environment(bench.sink.url) as environment:
        outcome = run("day", [_text(options)], environment, day.Day)
    what = f"a day's work, {options.steps * chunks:,} steps"
    half = outcome.resident_bytes[chunks // 2 :]
    yield _limit(f"{what}: memory's range in the second half", [(max(half) - min(half)) / MIB], "MiB", 3)
    missing = options.steps * chunks - bench.sink.counts().steps
    yield _limit(f"{what}: lost", [missing], "steps", 0)


def _exit(bench: Bench) -> Iterator[Line]:
    steps = bench.size(20_000, 4000)
    waits, missing = [], 0
    for _ in range(bench.rounds):
        port = _closed_port()
        with fresh_environment(f"http://127.0.0.1:{port}") as environment:
            waits.append(_seconds_to_exit("xray", steps, environment))
            with SinkProcess(port) as sink:
                missing += steps - _recovered(sink, environment)
    yield _limit("exit with the server down", waits, "s", 2, _exits_of_peers(steps, bench))
    yield _limit("exit with the server down: not on disk", [missing], "steps", 0)


def _exits_of_peers(calls: int, bench: Bench) -> str:
    """Return how long the peers take, once each: some take half a minute."""
    found = []
    for tool in ("datadog",) if bench.is_quick else ("datadog", "otel", "langfuse"):
        with fresh_environment(f"http://127.0.0.1:{_closed_port()}") as environment:
            found.append(f"{TITLES[tool]} {_seconds_to_exit(tool, calls, environment):.2g} s")
    return ", ".join(found)


def _closed_port() -> int:
    with closing(create_server(("127.0.0.1", 0))) as listening:
        port: int = listening.getsockname()[1]
    return port


def _seconds_to_exit(tool: str, calls: int, environment: dict[str, str]) -> float:
    """Return how long the process lived on after its work was done."""
    process = start("leaving", [tool, str(calls)], environment)
    printed, _ = process.communicate()
    ended = time.monotonic()
    return ended - float(printed)


def _limit(what: str, values: list[float], unit: str, limit: float | None, beside: str = "") -> Line:
    """Return the line of a limit, which the worst of the rounds has to keep."""
    bar = "" if limit is None else f"<= {limit:g} {unit}"
    verdict = None if limit is None else max(values) <= limit
    return Line(what, f"{statistics.median(values):.4g} {unit}", beside, spread(values, "{:.3g}"), bar, verdict)


def _all(what: str, count: int, rounds: int) -> Line:
    return Line(what, f"{count} of {rounds}", "", "", "all", count == rounds)


def _text(options: object) -> str:
    return msgspec.json.encode(options).decode()


KEPT_ROWS = [
    Row("large", "a nested object of 100 MB beside a heartbeat", _large),
    Row("threads", "8 threads recording at once", _threads),
    Row("disabled", "off in the environment", _off_for_good),
    Row("burst", "burst of 200,000 steps, server slow", _burst),
    Row("day", "5 million steps in chunks, or `--day-steps`", _day),
    Row("exit", "exit with the server down", _exit),
]
