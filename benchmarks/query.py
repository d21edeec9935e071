"""How long a question takes over 100,000 steps that nobody indexed.

    python benchmarks/query.py [--steps 100000] [--runs 11]

The store holds ten projects: one with all these steps, nine with a tenth of a hundredth each. Every question is
asked three ways in turn, so that a busy machine slows all alike: through our store; by SQL with `json_extract` that
was written by hand for this question alone, and knows nothing of arrays, null or types; and by decoding every
document in Python until the page is full. All three must find the same steps.
"""

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from sample_steps import FIRST_MS, make_steps

from xray_backend.query.filter import parse_filter
from xray_backend.query.limits import QueryLimits
from xray_backend.store.base import EventBatch, StepRecord
from xray_backend.store.sqlite.store import SqliteStore

PAGE = 50  # a page as the API gives it
BATCH = 1000  # steps a transaction; filling is not what is measured
PROJECT = "project-0"
OTHER_PROJECTS = [f"project-{number}" for number in range(1, 10)]
OTHER_SHARE = 1000
"""The others hold a thousandth of the steps each: enough that a project's rows do not lie alone."""


@dataclass(frozen=True)
class Question:
    """One question in three languages."""

    name: str
    filter: dict[str, object]
    by_hand: str
    matches: Callable[[Any, int], bool]
    """Tells whether metadata and time are asked for."""


def _field(path: str) -> str:
    return f"json_extract(doc, '$.metadata.{path}')"


QUESTIONS = [
    Question(
        "newest of a common value",
        {"metadata.category": "Outdoor"},
        f"{_field('category')} = 'Outdoor'",
        lambda m, at: m["category"] == "Outdoor",
    ),
    Question(
        "rare value, five rows",
        {"metadata.outcome.code": "timeout"},
        f"{_field('outcome.code')} = 'timeout'",
        lambda m, at: m["outcome"]["code"] == "timeout",
    ),
    Question(
        "value that is nowhere",
        {"metadata.customer": "nobody"},
        f"{_field('customer')} = 'nobody'",
        lambda m, at: m["customer"] == "nobody",
    ),
    Question(
        "field that is nowhere",
        {"metadata.nothing": 1},
        f"{_field('nothing')} = 1",
        lambda m, at: m.get("nothing") == 1,
    ),
    Question(
        "value of the oldest rows",
        {"metadata.era": "first"},
        f"{_field('era')} = 'first'",
        lambda m, at: m["era"] == "first",
    ),
    Question(
        "common value before a time",
        {"metadata.category": "Outdoor", "timestamp": {"$lt": FIRST_MS + 1_000_000}},
        f"{_field('category')} = 'Outdoor' AND timestamp_ms < {FIRST_MS + 1_000_000}",
        lambda m, at: m["category"] == "Outdoor" and at < FIRST_MS + 1_000_000,
    ),
    Question(
        "comparison, one in a hundred",
        {"metadata.score": {"$gt": 0.99}},
        f"{_field('score')} > 0.99",
        lambda m, at: m["score"] > 0.99,
    ),
    Question(
        "comparison, nested, one row in 10,000",
        {"metadata.timing.queueMs": {"$lt": 0.005}},
        f"{_field('timing.queueMs')} < 0.005",
        lambda m, at: m["timing"]["queueMs"] < 0.005,
    ),
    Question(
        "AND of two",
        {"metadata.country": "de", "metadata.filteredCount": {"$gte": 490}},
        f"{_field('country')} = 'de' AND {_field('filteredCount')} >= 490",
        lambda m, at: m["country"] == "de" and m["filteredCount"] >= 490,
    ),
    Question(
        "OR of two rare ones",
        {"$or": [{"metadata.outcome.code": "timeout"}, {"metadata.customer": "customer-00042"}]},
        f"({_field('outcome.code')} = 'timeout' OR {_field('customer')} = 'customer-00042')",
        lambda m, at: m["outcome"]["code"] == "timeout" or m["customer"] == "customer-00042",
    ),
    Question(
        "array that holds a value, and a rare one",
        {"metadata.tags": "Toys", "metadata.outcome.code": "timeout"},
        f"EXISTS (SELECT 1 FROM json_each(doc, '$.metadata.tags') WHERE value = 'Toys') "
        f"AND {_field('outcome.code')} = 'timeout'",
        lambda m, at: "Toys" in m["tags"] and m["outcome"]["code"] == "timeout",
    ),
]


def main() -> int:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000)
    # Eleven: a median that a few slow runs cannot move; a scan in Python takes a second, and there are many.
    parser.add_argument("--runs", type=int, default=11)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="xray-bench-") as folder:
        path = Path(folder, "xray.db")
        store = SqliteStore(path, query_timeout_seconds=600)
        _fill(store, options.steps)
        size_mb = path.stat().st_size / 1e6
        print(f"{options.steps:,} steps in one project, {len(OTHER_PROJECTS)} others; database {size_mb:.0f} MB")
        print(f"SQLite {sqlite3.sqlite_version}, Python {sys.version.split()[0]}; {options.runs} paired runs, ms\n")
        _ask_all(store, sqlite3.connect(path), options.runs)
        store.close()
    return 0


def _fill(store: SqliteStore, count: int) -> None:
    started = time.perf_counter()
    _write(store, PROJECT, make_steps(count, seed=1))
    for seed, project in enumerate(OTHER_PROJECTS, start=2):
        _write(store, project, make_steps(count // OTHER_SHARE, seed))
    seconds = time.perf_counter() - started
    print(f"filled in {seconds:.0f} s, {count / seconds:,.0f} steps/s in transactions of {BATCH:,}, one thread")


def _write(store: SqliteStore, project_id: str, steps: Iterable[dict[str, Any]]) -> None:
    remaining = iter(steps)
    while batch := [_record(step) for step in islice(remaining, BATCH)]:
        store.write(EventBatch(project_id, steps=batch))


def _record(step: dict[str, Any]) -> StepRecord:
    timestamp_ms = step.pop("timestamp")
    return StepRecord(
        step["stepId"], step["traceId"], step["stepName"], step["stepNumber"], timestamp_ms, False, document=step
    )


def _ask_all(store: SqliteStore, connection: sqlite3.Connection, runs: int) -> None:
    head = f"{'':42}{'rows':>5} |{'ours':>8}{'p99':>8} |{'by hand':>8}{'p99':>8} |{'Python':>8}{'p99':>8} |"
    print(head + f"{'of hand':>9}{'of Python':>10}")
    for question in QUESTIONS:
        ways = [partial(_ours, store), partial(_by_hand, connection), partial(_in_python, connection)]
        _report(question.name, *_timed([partial(way, question) for way in ways], runs))
    connection.close()


def _ours(store: SqliteStore, question: Question) -> list[str]:
    node = parse_filter(question.filter, "steps", QueryLimits())
    page = store.query("steps", PROJECT, node, limit=PAGE, after=None)
    return [msgspec.json.decode(document)["stepId"] for document in page.documents]


def _by_hand(connection: sqlite3.Connection, question: Question) -> list[str]:
    sql = f"SELECT doc FROM steps WHERE project_id = ? AND {question.by_hand} ORDER BY timestamp_ms DESC LIMIT ?"
    return [msgspec.json.decode(row[0])["stepId"] for row in connection.execute(sql, (PROJECT, PAGE))]


def _in_python(connection: sqlite3.Connection, question: Question) -> list[str]:
    sql = "SELECT doc, timestamp_ms FROM steps WHERE project_id = ? ORDER BY timestamp_ms DESC"
    rows = ((msgspec.json.decode(doc), at) for doc, at in connection.execute(sql, (PROJECT,)))
    return [
        doc["stepId"] for doc, at in islice((row for row in rows if question.matches(row[0]["metadata"], row[1])), PAGE)
    ]


def _timed(ways: Sequence[Callable[[], list[str]]], runs: int) -> tuple[int, list[list[float]]]:
    """Return how many rows were found and the milliseconds of each way; a first round warms the cache."""
    answers = [way() for way in ways]
    if any(answer != answers[0] for answer in answers):
        raise SystemExit("the three ways found different steps")
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(runs):
        for way, taken in zip(ways, times, strict=True):
            started = time.perf_counter()
            way()
            taken.append((time.perf_counter() - started) * 1000)
    return len(answers[0]), times


def _report(name: str, rows: int, times: list[list[float]]) -> None:
    columns = "".join(f" |{statistics.median(taken):8.1f}{_p99(taken):8.1f}" for taken in times)
    ratios = [statistics.median(a / b for a, b in zip(times[0], peer, strict=True)) for peer in times[1:]]
    print(f"{name:42}{rows:5}{columns} |{ratios[0]:9.2f}{ratios[1]:10.2f}", flush=True)


def _p99(times: list[float]) -> float:
    """Return the time that 99 of 100 runs keep; with fewer runs, the longest."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


if __name__ == "__main__":
    sys.exit(main())
