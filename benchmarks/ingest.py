"""How many events a second the server takes, each one on disk before it is answered.

    python benchmarks/ingest.py [--events 10000] [--rounds 5]

A round posts batches of 100 steps (20 fields of metadata each) to a real server over one connection, then over four,
and lets SQLite alone store the same documents in transactions of the same size (`synchronous=FULL`, one table,
one key): that peer shows what the disk allows. Rounds are paired, so that a busy machine slows all alike.
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
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from sample_steps import make_steps
from server_process import running_server

BATCH = 100  # the SDK's own batch size
CONNECTIONS = (1, 4)
PEER = "SQLite alone"


@dataclass
class Sent:
    """What the server was sent."""

    events: int = 0
    size_bytes: int = 0

    def counted(self, batches: Sequence[bytes]) -> Sequence[bytes]:
        """Count the batches, and hand them on."""
        self.events += len(batches) * BATCH
        self.size_bytes += sum(map(len, batches))
        return batches


def main() -> int:
    """Start the server, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # A hundred requests a measurement: some seconds, long enough to outlast a single slow write to the disk.
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="xray-bench-") as folder:
        data_dir, peer = Path(folder, "server"), Path(folder, "peer.db")
        with running_server(data_dir) as server:
            before = server.cpu_seconds()
            speeds, sent = _measured(server.base_url, server.api_key, peer, options.rounds, options.events)
            waiting = _rows_behind(data_dir)
            spent = {name: seconds - before.get(name, 0) for name, seconds in server.cpu_seconds().items()}
        _print_speeds(speeds, options.rounds, options.events)
        _print_costs(spent, sent, waiting)
        _print_sizes(data_dir, peer, sent)
    return 0


def _measured(url: str, api_key: str, peer: Path, rounds: int, events: int) -> tuple[dict[str, list[float]], Sent]:
    """Return events a second by way of storing, round by round, and what was sent to the server."""
    speeds: dict[str, list[float]] = {name: [] for name in (*map(_name, CONNECTIONS), PEER)}
    sent = Sent()
    _post_all(url, api_key, sent.counted(_batches(BATCH, seed=0)), 1)
    for number in range(1, rounds + 1):
        for count in CONNECTIONS:
            batches = sent.counted(_batches(events, seed=number * 10 + count))
            speeds[_name(count)].append(events / _post_all(url, api_key, batches, count))
        speeds[PEER].append(events / _insert_all(peer, list(make_steps(events, seed=number))))
    return speeds, sent


def _name(connections: int) -> str:
    return f"server, {connections} connection{'s' if connections > 1 else ''}"


def _batches(events: int, seed: int) -> list[bytes]:
    """Return the bodies of the requests, encoded beforehand."""
    steps = list(make_steps(events, seed))
    return [msgspec.json.encode({"events": steps[at : at + BATCH]}) for at in range(0, events, BATCH)]


def _post_all(url: str, api_key: str, batches: Sequence[bytes], connections: int) -> float:
    """Post over so many connections at once, and return the seconds until the last answer."""
    failures: list[str] = []
    clients = [
        threading.Thread(target=_post, args=(url, api_key, batches[first::connections], failures))
        for first in range(connections)
    ]
    started = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    seconds = time.perf_counter() - started
    if failures:
        raise SystemExit(f"the server refused a batch: {failures[0]}")
    return seconds


def _post(url: str, api_key: str, batches: Sequence[bytes], failures: list[str]) -> None:
    connection = HTTPConnection(urlsplit(url).netloc)
    for body in batches:
        headers = {"x-api-key": api_key, "content-type": "application/json"}
        connection.request("POST", "/api/v1/ingest", body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200 or json.loads(text) != {"success": True}:
            failures.append(f"{answer.status} {text[:300]}")
            return
    connection.close()


def _insert_all(path: Path, steps: Sequence[dict[str, object]]) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS steps (id TEXT PRIMARY KEY, doc TEXT)")
    rows = [(step["stepId"], msgspec.json.encode(step).decode()) for step in steps]
    started = time.perf_counter()
    for at in range(0, len(rows), BATCH):
        connection.execute("BEGIN")
        connection.executemany("INSERT OR IGNORE INTO steps VALUES (?, ?)", rows[at : at + BATCH])
        connection.execute("COMMIT")
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def _print_speeds(speeds: dict[str, list[float]], rounds: int, events: int) -> None:
    print(f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores")
    print(f"{rounds} paired rounds of {events:,} events in batches of {BATCH}; events a second\n")
    print(f"{'':24}{'median':>9}{'lowest':>9}{'highest':>9}{'of SQLite alone':>17}")
    peer = speeds[PEER]
    for name, found in speeds.items():
        ratio = statistics.median(mine / theirs for mine, theirs in zip(found, peer, strict=True))
        print(f"{name:24}{statistics.median(found):9,.0f}{min(found):9,.0f}{max(found):9,.0f}{ratio:17.2f}")


def _rows_behind(data_dir: Path) -> int:
    """Return how many steps the index does not hold yet."""
    sql = "SELECT (SELECT max(seq) FROM steps) - indexed_to FROM index_progress WHERE collection = 'steps'"
    with closing(sqlite3.connect(data_dir / "xray.db")) as connection:
        rows: int = connection.execute(sql).fetchone()[0]
    return rows


def _print_costs(spent: Mapping[str, float], sent: Sent, waiting: int) -> None:
    parts = ", ".join(f"{name} {seconds / sent.events * 1e6:.0f}" for name, seconds in sorted(spent.items()))
    print(f"\nprocessor time of an event in microseconds: {parts}; at the end {waiting:,} rows waited for the index")


def _print_sizes(data_dir: Path, peer: Path, sent: Sent) -> None:
    stored = sum(path.stat().st_size for path in data_dir.rglob("*") if path.is_file())
    ratio = stored / sent.size_bytes
    print(f"sent {sent.size_bytes / 1e6:.1f} MB of JSON, stored {stored / 1e6:.1f} MB after the server's end: ", end="")
    print(f"{ratio:.2f} bytes for each byte; SQLite alone {peer.stat().st_size / 1e6:.1f} MB for its share")


if __name__ == "__main__":
    sys.exit(main())
