"""How long a question takes over fields that nobody declared, while events come in.

    python benchmarks/query.py [--steps 100000] [--runs 101] [--beside 500]

The store holds ten projects: one with all these steps (20 fields of metadata each, five of them nested), nine with a
thousandth of them each. A real server answers over HTTP, one question after the other, while `--beside` events a
second come in for the same project. In the same run each question is asked of the same file by SQL with
`json_extract`, written by hand for it alone, which knows nothing of arrays, null or types. First both must find the
same.
"""

import argparse
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import count, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from sample_steps import make_steps
from server_process import RunningServer, running_server

from xray_backend.store.records import EventBatch, StepRecord
from xray_backend.store.sqlite.store import SqliteStore

PAGE = 50  # a page as the API gives it
BATCH = 1000  # steps a transaction; filling is not what is measured
OTHER_PROJECTS = [f"project-{number}" for number in range(1, 10)]
OTHER_SHARE = 1000
"""The others hold a thousandth of the steps each: enough that a project's rows do not lie alone."""
EVENTS_A_REQUEST = 100  # the SDK's own batch size
NEWEST = "ORDER BY timestamp_ms DESC, oid DESC LIMIT 50"


@dataclass(frozen=True)
class Question:
    """One question, in the query language and in SQL."""

    name: str
    filter: dict[str, object]
    where: str
    order: str = NEWEST
    sort: dict[str, int] | None = None
    counts: bool = False


def _field(path: str) -> str:
    return f"json_extract(doc, '$.metadata.{path}')"


QUESTIONS = [
    Question("newest of a common value", {"metadata.category": "Outdoor"}, f"{_field('category')} = 'Outdoor'"),
    Question("rare value", {"metadata.outcome.code": "timeout"}, f"{_field('outcome.code')} = 'timeout'"),
    Question("value that is nowhere", {"metadata.customer": "nobody"}, f"{_field('customer')} = 'nobody'"),
    Question(
        "oldest rows of a common value",
        {"metadata.category": "Outdoor"},
        f"{_field('category')} = 'Outdoor'",
        "ORDER BY timestamp_ms, oid LIMIT 50",
        {"timestamp": 1},
    ),
    Question("comparison, one in a hundred", {"metadata.score": {"$gt": 0.99}}, f"{_field('score')} > 0.99"),
    Question("count of a third", {"metadata.model": "v1"}, f"{_field('model')} = 'v1'", counts=True),
    Question(
        "AND of two",
        {"metadata.country": "de", "metadata.filteredCount": {"$gte": 490}},
        f"{_field('country')} = 'de' AND {_field('filteredCount')} >= 490",
    ),
    Question(
        "OR of two rare ones",
        {"$or": [{"metadata.outcome.code": "timeout"}, {"metadata.customer": "customer-00042"}]},
        f"({_field('outcome.code')} = 'timeout' OR {_field('customer')} = 'customer-00042')",
    ),
    Question(
        "sort by a field",
        {},
        "1",
        f"ORDER BY {_field('score')} DESC, oid DESC LIMIT 50",
        {"metadata.score": -1},
    ),
    Question(
        "pattern with a beginning",
        {"metadata.selectedTitle": {"$regex": "^Insulated bottle 19"}},
        f"{_field('selectedTitle')} GLOB 'Insulated bottle 19*'",
    ),
    # Beyond the ten: what is hardest for an index, or easiest to forget.
    Question("value of the oldest rows", {"metadata.era": "first"}, f"{_field('era')} = 'first'"),
    Question("field that is nowhere", {"metadata.nothing": 1}, f"{_field('nothing')} = 1"),
    Question(
        "array that holds a value, and a rare one",
        {"metadata.tags": "Toys", "metadata.outcome.code": "timeout"},
        f"EXISTS (SELECT 1 FROM json_each(doc, '$.metadata.tags') WHERE value = 'Toys') "
        f"AND {_field('outcome.code')} = 'timeout'",
    ),
    Question(
        "count of a third by comparison",
        {"metadata.score": {"$gt": 2 / 3}},
        f"{_field('score')} > {2 / 3}",
        counts=True,
    ),
    Question(
        "rare value, sorted by another field",
        {"metadata.outcome.code": "timeout"},
        f"{_field('outcome.code')} = 'timeout'",
        f"ORDER BY {_field('score')} DESC, oid DESC LIMIT 50",
        {"metadata.score": -1},
    ),
    Question(
        "sort by an array",
        {"metadata.country": "de"},
        f"{_field('country')} = 'de'",
        "ORDER BY (SELECT min(value) FROM json_each(doc, '$.metadata.tags')), oid LIMIT 50",
        {"metadata.tags": 1},
    ),
    Question(
        "sort by a field of few values, one in eight",
        {"metadata.category": "Outdoor"},
        f"{_field('category')} = 'Outdoor'",
        f"ORDER BY {_field('model')}, oid LIMIT 50",
        {"metadata.model": 1},
    ),
    Question(
        "pattern anywhere, one in 2,000",
        {"metadata.selectedTitle": {"$regex": "bottle 777 "}},
        f"{_field('selectedTitle')} GLOB '*bottle 777 *'",
    ),
]


def main() -> int:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=101, help="the 99th percentile of 101 is the second slowest")
    parser.add_argument("--beside", type=int, default=500, help="events a second that come in meanwhile")
    parser.add_argument("--by-hand", type=int, default=5, help="runs by hand: a scan takes up to seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="xray-bench-") as folder:
        data_dir = Path(folder, "data")
        with running_server(data_dir) as server:  # which makes account, project and key
            project_id = server.project_id
        _fill(data_dir / "xray.db", project_id, options.steps)
        with running_server(data_dir) as server, closing(sqlite3.connect(data_dir / "xray.db")) as peer:
            _print_head(data_dir, options.steps, options.beside)
            _ask_all(server, peer, options)
    return 0


def _fill(path: Path, project_id: str, number: int) -> None:
    store = SqliteStore(path)
    store.start()
    started = time.perf_counter()
    _write(store, project_id, make_steps(number, seed=1))
    for seed, project in enumerate(OTHER_PROJECTS, start=2):
        _write(store, project, make_steps(number // OTHER_SHARE, seed))
    filled = time.perf_counter() - started
    _wait_for_index(path)
    indexed = time.perf_counter() - started
    store.close()
    print(f"filled in {filled:.0f} s in transactions of {BATCH:,} by one thread, indexed after {indexed:.0f} s")


def _write(store: SqliteStore, project_id: str, steps: Iterable[dict[str, Any]]) -> None:
    remaining = iter(steps)
    while batch := [_record(step) for step in islice(remaining, BATCH)]:
        store.write(EventBatch(project_id, steps=batch))


def _record(step: dict[str, Any]) -> StepRecord:
    timestamp_ms = step.pop("timestamp")
    return StepRecord(
        step["stepId"], step["traceId"], step["stepName"], step["stepNumber"], timestamp_ms, False, document=step
    )


def _wait_for_index(path: Path) -> None:
    sql = "SELECT max((SELECT max(seq) FROM steps) - indexed_to) FROM index_progress WHERE collection = 'steps'"
    with closing(sqlite3.connect(path)) as connection:
        while connection.execute(sql).fetchone()[0] > BATCH:
            time.sleep(0.1)  # between two looks


def _print_head(data_dir: Path, steps: int, beside: int) -> None:
    size_mb = sum(path.stat().st_size for path in data_dir.rglob("*") if path.is_file()) / 1e6
    print(f"{steps:,} steps in one project, {len(OTHER_PROJECTS)} others; {size_mb:.0f} MB on disk")
    print(f"SQLite {sqlite3.sqlite_version}, Python {sys.version.split()[0]}, {os.cpu_count()} cores; ", end="")
    print(f"over HTTP, {beside} events/s beside; ms\n")


def _ask_all(server: RunningServer, peer: sqlite3.Connection, options: argparse.Namespace) -> None:
    client = Client(server)
    for question in QUESTIONS:
        if client.ask(question) != _by_hand(peer, server.project_id, question):
            raise SystemExit(f"server and SQL found different steps for: {question.name}")
    print(f"{'':44}{'found':>9}{'median':>9}{'p99':>9}{'SQL by hand':>13}{'ratio':>9}")
    with _events_beside(server, options.beside):
        times: dict[str, list[float]] = {question.name: [] for question in QUESTIONS}
        for _ in range(options.runs):
            for question in QUESTIONS:
                times[question.name].append(_milliseconds(lambda q=question: client.ask(q)))
        for question in QUESTIONS:
            found = client.ask(question)
            by_hand = statistics.median(
                _milliseconds(lambda q=question: _by_hand(peer, server.project_id, q)) for _ in range(options.by_hand)
            )
            _print_row(question.name, found if isinstance(found, int) else len(found), times[question.name], by_hand)


class Client:
    """Asks the server over one connection."""

    def __init__(self, server: RunningServer) -> None:
        self._connection = HTTPConnection(urlsplit(server.base_url).netloc)
        self._path = f"/api/v1/projects/{server.project_id}/query"
        self._headers = {"authorization": f"Bearer {server.token}", "content-type": "application/json"}

    def ask(self, question: Question) -> list[str] | int:
        """Return the ids of the page, or the count."""
        asked: dict[str, object] = {"filter": question.filter, "limit": 1 if question.counts else PAGE}
        if question.sort is not None:
            asked["sort"] = question.sort
        if question.counts:
            asked["count"] = True
        self._connection.request("POST", self._path, json.dumps(asked), self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{question.name}: {answer.status} {content.decode()[:300]}")
        found = msgspec.json.decode(content)
        return found["count"] if question.counts else [step["stepId"] for step in found["results"]]


def _by_hand(connection: sqlite3.Connection, project_id: str, question: Question) -> list[str] | int:
    if question.counts:
        sql = f"SELECT count(*) FROM steps WHERE project_id = ? AND {question.where}"
        total: int = connection.execute(sql, (project_id,)).fetchone()[0]
        return total
    sql = f"SELECT doc FROM steps WHERE project_id = ? AND {question.where} {question.order}"
    return [msgspec.json.decode(row[0])["stepId"] for row in connection.execute(sql, (project_id,))]


def _milliseconds(work: Any) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


@contextmanager
def _events_beside(server: RunningServer, events_a_second: int) -> Iterator[None]:
    """Post batches at a steady pace."""
    stopping = threading.Event()
    poster = threading.Thread(target=_post, args=(server, events_a_second, stopping))
    if events_a_second:
        poster.start()
    try:
        yield
    finally:
        stopping.set()
        if events_a_second:
            poster.join()


def _post(server: RunningServer, events_a_second: int, stopping: threading.Event) -> None:
    connection = HTTPConnection(urlsplit(server.base_url).netloc)
    headers = {"x-api-key": server.api_key, "content-type": "application/json"}
    seeds = count(1000)
    while not stopping.wait(EVENTS_A_REQUEST / events_a_second):
        body = msgspec.json.encode({"events": list(make_steps(EVENTS_A_REQUEST, next(seeds)))})
        connection.request("POST", "/api/v1/ingest", body, headers)
        answer = connection.getresponse()
        if answer.read() != b'{"success":true}':
            raise SystemExit("the server refused events")


def _print_row(name: str, found: int, times: list[float], by_hand: float) -> None:
    median = statistics.median(times)
    slow = sorted(times)[int(len(times) * 0.99) - 1]
    print(f"{name:44}{found:9,}{median:9.1f}{slow:9.1f}{by_hand:13.1f}{median / by_hand:9.4f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
