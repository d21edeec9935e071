"""While the index is made of what comes in, all processes of the server together stay within bounds."""

import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.backend.api.events import step
from tests.backend.background import wait_until
from tests.backend.server import Person, Server, new_person
from tests.server_faults.dawdlers import together
from tests.server_faults.processes import memory_bytes, tree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are weighed through /proc")

MOST_BYTES = 300 * 1024 * 1024
BLOCK_STEPS = 16_384  # what becomes one block in the end
LARGE_STEPS = 300
INDEXED_TOGETHER = 512  # fewer wait for more
PROCESSES = 3


class Scales:
    """Weighs the server again and again, and remembers the most."""

    def __init__(self, server: Server) -> None:
        self.most_bytes = 0
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._weigh)

    def __enter__(self) -> "Scales":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _weigh(self) -> None:
        while not self._over.wait(0.05):
            family = tree(self._server.pid)
            if len(family) == PROCESSES:
                self.most_bytes = max(self.most_bytes, memory_bytes(family))


def usual(number: int) -> dict[str, Any]:
    chance = Random(number)
    fields: dict[str, Any] = {f"field{n}": chance.random() for n in range(15)}
    return fields | {"nested": {f"inner{n}": f"value {chance.randrange(10**6)}" for n in range(5)}}


def large(number: int) -> dict[str, Any]:
    return {"text": f"\N{GRINNING FACE}{number}" + "x" * 240_000}


def record(person: Person, kind: str, count: int, at_once: int, make: Any) -> None:
    for begin in range(0, count, at_once):
        numbers = range(begin, min(count, begin + at_once))
        events = [step(f"{kind}-{number}", metadata=make(number)) for number in numbers]
        while person.ingest(*events).status_code != 200:
            continue  # there was no room in time


@pytest.mark.parametrize("kinds", [("small",), ("small", "large")])
def test_memory_stays_bounded_while_the_index_is_made(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    tasks = {"small": (BLOCK_STEPS + 1000, 1000, usual), "large": (LARGE_STEPS, 20, large)}
    with Server(tmp_path) as server:
        wait_until(lambda: len(tree(server.pid)) == PROCESSES)
        person = new_person(server)
        with Scales(server) as scales:
            together(len(kinds), lambda number: record(person, kinds[number], *tasks[kinds[number]]))
            with closing(sqlite3.connect(tmp_path / "xray.db")) as database:
                behind = (
                    "SELECT (SELECT max(seq) FROM steps) - indexed_to FROM index_progress WHERE collection = 'steps'"
                )
                wait_until(lambda: database.execute(behind).fetchone()[0] < INDEXED_TOGETHER)
        assert len(tree(server.pid)) == PROCESSES
        assert 0 < scales.most_bytes <= MOST_BYTES
