"""Celery tasks through Redis, by a worker with a prefork pool of one process.

python -m integrating.programs.round_trips WORK TASKS

`one` waits for each task's result before it sends the next; `many` sends all, and then waits for all.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from integrating.programs.bursts import answer_bursts
from integrating.programs.shop_app import drain, price

WAIT_SECONDS = 60.0
WORKER = ("-A", "integrating.programs.shop_app", "worker", "--concurrency", "1", "--loglevel", "ERROR")
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")  # else it talks to itself between bursts, too


@contextmanager
def worker() -> Iterator[None]:
    """Run a worker beside this process."""
    command, nothing = [sys.executable, "-m", "celery", *WORKER, *QUIET], subprocess.DEVNULL
    environment = os.environ | {"BENCHMARK_ROLE": "worker"}
    process = subprocess.Popen(command, env=environment, stdin=nothing, stdout=nothing)  # it prints a banner
    try:
        yield
    finally:
        process.terminate()
        process.wait(WAIT_SECONDS)


def one_by_one(count: int) -> Iterator[object]:
    """Wait for each."""
    for number in range(count):
        yield price.delay("Steel bottle", number).get(timeout=WAIT_SECONDS)


def all_at_once(count: int) -> Iterator[object]:
    """Send all, then wait for all."""
    for result in [price.delay("Steel bottle", number) for number in range(count)]:
        yield result.get(timeout=WAIT_SECONDS)


def main(work: str, tasks: int) -> None:
    """Measure the tool that the environment names, as often as is asked for."""
    with worker():
        answer_bursts({"one": one_by_one, "many": all_at_once}[work], tasks, drain)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
