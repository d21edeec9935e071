"""How soon `GET /schemas` answers where there are many shapes, and what it costs to store one.

Over HTTP, against a server process: cold is the first question after its start, before which it is asked for nothing
but a log-in. The peer reads all shapes of the same file and merges them in Python at each question, in the same rounds.
"""

import argparse
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import requests

from xray_backend.store.metadata_shape import hash_of, merge_shapes, shape_of
from xray_backend.store.records import EventBatch, SchemaSighting
from xray_backend.store.sqlite.store import SqliteStore

SEEN_MS = 1_768_150_000_000


def main() -> int:
    """Fill, start the server, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--shapes", type=int, default=50, help="of each name")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--starts", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="xray-bench-") as folder:
        with _server(folder):
            pass  # which makes the account, the project and the database
        credentials = msgspec.json.decode(Path(folder, "credentials.json").read_bytes())
        _fill(Path(folder, "xray.db"), credentials["projectId"], options.names, options.shapes)
        cold = [_first_question(folder, credentials) for _ in range(options.starts)]
        _print("GET /schemas, cold", cold)
        with _server(folder) as base_url:
            _ask_all(_Asker(base_url, credentials), Path(folder, "xray.db"), options.runs)
    return 0


@contextmanager
def _server(folder: str) -> Iterator[str]:
    start = "import sys; from xray_backend.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, "up", "--port", "0", "--data-dir", folder]
    environment = {**os.environ, "XRAY_LOG": "none"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        yield next(line.split(" at ")[1].strip() for line in process.stdout if "ready at" in line)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def _fill(path: Path, project_id: str, names: int, shapes: int) -> None:
    batches = [
        EventBatch(project_id, schemas=[_sighting(name, number) for name in range(first, min(first + 100, names))])
        for number in range(shapes)
        for first in range(0, names, 100)
    ]
    store = SqliteStore(path)
    for what in ("new", "known"):
        took_ms = sum(_took(partial(store.write, batch)) for batch in batches)
        print(f"a {what} shape takes {took_ms * 1000 / (names * shapes):.1f} µs to store, 100 of them in a batch")
    store.close()


def _sighting(name: int, number: int) -> SchemaSighting:
    """Make up a shape; the merged ones of two names differ in their fields and in the types of some."""
    metadata = {
        **{f"field{place}": place for place in range(10)},
        f"extra{(7 * name + number) % 150}": "text",
        "range": {"min": 1, "max": None if number % 2 else 2},
        "usage": {"tokens": number if name % 2 else "many", "cached": True, f"model{name % 5}": "v1"},
    }
    shape = shape_of(metadata)
    return SchemaSighting(f"step_{name}", hash_of(shape), shape, SEEN_MS + number)


class _Asker:
    """Asks a server about the schemas of its project."""

    def __init__(self, base_url: str, credentials: dict[str, str]) -> None:
        self._session = requests.Session()
        account = {"email": credentials["email"], "password": credentials["password"]}
        token = self._session.post(f"{base_url}/api/v1/auth/login", json=account, timeout=60).json()["token"]
        self._session.headers["Authorization"] = f"Bearer {token}"
        self.project_id = credentials["projectId"]
        self._url = f"{base_url}/api/v1/projects/{self.project_id}/schemas"

    def ask(self, query: str = "") -> bytes:
        """Return the answer's body."""
        answered = self._session.get(self._url + query, timeout=60)
        answered.raise_for_status()
        return answered.content


def _first_question(folder: str, credentials: dict[str, str]) -> float:
    with _server(folder) as base_url:
        return _took(_Asker(base_url, credentials).ask)


def _ask_all(asker: _Asker, path: Path, runs: int) -> None:
    connection = sqlite3.connect(path)
    ask = asker.ask

    def merge_in_python() -> bytes:
        rows = connection.execute("SELECT shape FROM schemas WHERE project_id = ?", (asker.project_id,))
        return msgspec.json.encode({"schema": merge_shapes(msgspec.json.decode(row[0]) for row in rows)})

    ways: dict[str, Callable[[], bytes]] = {
        "GET /schemas": ask,
        "GET /schemas?stepName=step_7": lambda: ask("?stepName=step_7"),
        "GET /schemas?detail=1": lambda: ask("?detail=1"),
        "GET /schemas?detail=1&stepName=step_7": lambda: ask("?detail=1&stepName=step_7"),
        "read all and merge in Python (no HTTP)": merge_in_python,
    }
    if msgspec.json.decode(ask()) != msgspec.json.decode(merge_in_python()):
        raise SystemExit("the two ways found different schemas")
    for name, times in _rounds(ways, runs).items():
        _print(name, times)


def _print(name: str, times: list[float]) -> None:
    print(f"{name:42}{statistics.median(times):9.1f} ms median{max(times):9.1f} ms longest")


def _rounds(ways: dict[str, Callable[[], bytes]], runs: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            times[name].append(_took(way))
    return times


def _took(way: Callable[[], object]) -> float:
    started = time.perf_counter()
    way()
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    sys.exit(main())
