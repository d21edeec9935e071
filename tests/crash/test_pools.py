"""In pools of processes, threads and greenlets nothing is lost, nothing comes twice, and nobody hangs."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.backend.server import Server
from tests.crash.audit import Audit
from tests.crash.delivery import ROOT, deliver, environment

WORKERS = 3
THREADS, GREENLETS = 16, 20
MOST_LINES = 250  # so that every program is killed in the middle of its work


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture(scope="module")
def audit(server: Server) -> Audit:
    return Audit(server)  # one for all: the server takes ten log-ins a minute


@pytest.mark.parametrize(
    ("place", "method"),
    [
        ("executor", "fork"),
        ("executor", "spawn"),
        ("breaks", "fork"),
        ("breaks", "spawn"),
        ("pool", "fork"),
        ("pool", "spawn"),
        ("threads", "none"),
        ("gevent", "none"),
    ],
)
def test_what_a_pool_records_is_at_the_server_once(
    server: Server, audit: Audit, tmp_path: Path, place: str, method: str
) -> None:
    run = f"{place}-{method}"
    env = environment(server, tmp_path / "spool")
    command = [sys.executable, "-m", "tests.crash.pool_program", place, run, method]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    deliver(env)
    returned = set(done.stdout.split())
    assert len(returned) > 50
    assert audit.miscounted(run, returned, in_flight=WORKERS if place == "breaks" else 0) == []


@pytest.mark.parametrize(
    ("place", "method", "in_flight"),
    [
        ("executor", "fork", WORKERS),
        ("executor", "spawn", WORKERS),
        ("pool", "fork", WORKERS),
        ("pool", "spawn", WORKERS),
        ("threads", "none", THREADS),
        ("gevent", "none", GREENLETS),
    ],
)
def test_what_had_returned_when_a_pool_was_killed_with_all_its_processes_is_at_the_server_once(
    server: Server, audit: Audit, tmp_path: Path, place: str, method: str, in_flight: int
) -> None:
    lines = Random().randint(1, MOST_LINES)
    run = f"{place}-{method}-{lines}"
    env = environment(server, tmp_path / "spool")
    command = [sys.executable, "-m", "tests.crash.pool_program", place, run, method]
    with subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True) as program:
        assert program.stdout is not None
        told = [program.stdout.readline() for _ in range(lines)]
        os.killpg(program.pid, signal.SIGKILL)
        told += program.stdout.read().splitlines()
    deliver(env)
    assert program.returncode == -signal.SIGKILL
    returned = {line.decode().strip() for line in told}
    assert audit.miscounted(run, returned, in_flight) == []
