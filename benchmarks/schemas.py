"""How soon `GET /schemas` answers where there are many shapes: over HTTP, against a server process.

The peer reads all shapes of the same file and merges them in Python at each question, in the same rounds.
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
from pathlib import Path

import msgspec
import requests

from xray_backend.store.base import EventBatch, SchemaSighting
from xray_backend.store.metadata_shape import hash_of, merge_shapes, shape_of
from xray_backend.store.sqlite.store import SqliteStore

SEEN_MS = 1_768_150_000_000


def main() -> int:
    """Fill, start the server, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--shapes", type=int, default=50, help="of each name")
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="xray-bench-") as folder:
        with _server(folder):
            pass  # which makes the account, the project and the database
        credentials = msgspec.json.decode(Path(folder, "credentials.json").read_bytes())
        _fill(Path(folder, "xray.db"), credentials["projectId"], options.names, options.shapes)
        with _server(folder) as base_url:
            _ask_all(base_url, credentials, Path(folder, "xray.db"), options.runs)
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
    store = SqliteStore(path)
    for name in range(names):
        sightings = [_sighting(f"step_{name}", number) for number in range(shapes)]
        store.write(EventBatch(project_id, schemas=sightings))
    store.close()


def _sighting(step_name: str, number: int) -> SchemaSighting:
    metadata = {
        **{f"field{place}": place for place in range(10)},
        f"extra{number}": "text",
        "range": {"min": 1, "max": None if number % 2 else 2},
        "usage": {"tokens": number, "cached": True, "model": "v1"},
    }
    shape = shape_of(metadata)
    return SchemaSighting(step_name, hash_of(shape), shape, SEEN_MS + number)


def _ask_all(base_url: str, credentials: dict[str, str], path: Path, runs: int) -> None:
    session = requests.Session()
    account = {"email": credentials["email"], "password": credentials["password"]}
    token = session.post(f"{base_url}/api/v1/auth/login", json=account, timeout=60).json()["token"]
    session.headers["Authorization"] = f"Bearer {token}"
    url = f"{base_url}/api/v1/projects/{credentials['projectId']}/schemas"
    connection = sqlite3.connect(path)

    def ask(query: str) -> bytes:
        answered = session.get(url + query, timeout=60)
        answered.raise_for_status()
        return answered.content

    def merge_in_python() -> bytes:
        rows = connection.execute("SELECT shape FROM schemas WHERE project_id = ?", (credentials["projectId"],))
        return msgspec.json.encode({"schema": merge_shapes(msgspec.json.decode(row[0]) for row in rows)})

    print(f"the first question after a start: {_took(lambda: ask('')):.1f} ms")
    ways: dict[str, Callable[[], bytes]] = {
        "GET /schemas": lambda: ask(""),
        "GET /schemas?stepName=step_7": lambda: ask("?stepName=step_7"),
        "GET /schemas?detail=1": lambda: ask("?detail=1"),
        "GET /schemas?detail=1&stepName=step_7": lambda: ask("?detail=1&stepName=step_7"),
        "read all and merge in Python (no HTTP)": merge_in_python,
    }
    if msgspec.json.decode(ask("")) != msgspec.json.decode(merge_in_python()):
        raise SystemExit("the two ways found different schemas")
    for name, times in _rounds(ways, runs).items():
        print(f"{name:42}{statistics.median(times):9.1f} ms median{max(times):9.1f} ms longest")


def _rounds(ways: dict[str, Callable[[], bytes]], runs: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            times[name].append(_took(way))
    return times


def _took(way: Callable[[], bytes]) -> float:
    started = time.perf_counter()
    way()
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    sys.exit(main())
