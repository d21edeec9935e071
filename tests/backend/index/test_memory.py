"""Whatever documents there are, the indexer builds its blocks in bounded memory."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.server_faults.processes import peak_bytes
from xray_backend.query.tree import Compare
from xray_backend.store.records import EventBatch, StepRecord
from xray_backend.store.sqlite.store import SqliteStore

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the indexer is weighed through /proc")

MOST_BYTES = 140 * 1024 * 1024  # with a worker that works beside it, less than the server's 300 MiB
LEAST_ROWS = 512  # fewer wait for more
DEADLINE_SECONDS = 120
chance = Random(5)
"""Every value is another: that is what costs most."""

KINDS: dict[str, tuple[int, Callable[[], Any]]] = {
    "long texts with a wide character": (700, lambda: "\N{SNOWMAN}\N{GRINNING FACE}" + "x" * 240_000),
    "vectors": (2_000, lambda: [chance.random() for _ in range(1000)]),
    "arrays of short texts": (12_000, lambda: [f"{chance.randrange(10**9)}" for _ in range(150)]),
}


def records(begin: int, end: int, make: Callable[[], Any]) -> list[StepRecord]:
    made = []
    for number in range(begin, end):
        fields = {"type": "step", "stepName": "rank", "stepNumber": 1, "artifacts": []}
        document = {**fields, "stepId": f"s{number}", "traceId": "t", "metadata": {"n": number, "value": make()}}
        made.append(StepRecord(f"s{number}", "t", "rank", 1, 1e12 + number, False, document))
    return made


def wait_until_indexed(path: Path) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    with closing(sqlite3.connect(path)) as connection:
        behind = "SELECT (SELECT max(seq) FROM steps) - indexed_to FROM index_progress WHERE collection = 'steps'"
        while connection.execute(behind).fetchone()[0] >= LEAST_ROWS:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_of_large_documents_is_built_in_bounded_memory(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "xray.db"
    count, make = KINDS[kind]
    with closing(SqliteStore(path)) as store:
        for begin in range(0, count, 500):
            store.write(EventBatch("p", steps=records(begin, min(count, begin + 500), make)))
        command = [sys.executable, "-m", "xray_backend.store.sqlite.index.process", str(path)]
        indexer = subprocess.Popen(command, stdin=subprocess.PIPE)
        try:
            wait_until_indexed(path)
            assert peak_bytes(indexer.pid) < MOST_BYTES
        finally:
            indexer.communicate()
        found = store.query("steps", "p", Compare(("metadata", "n"), "eq", 7), limit=5, after=None).documents
        assert [json.loads(document)["stepId"] for document in found] == ["s7"]
