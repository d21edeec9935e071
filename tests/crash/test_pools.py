"""In pools of processes, threads and greenlets nothing is lost, nothing comes twice, and nobody hangs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.server import Server
from tests.crash.audit import Audit
from tests.crash.delivery import ROOT, deliver, environment

WORKERS = 3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("data")) as server:
        yield server


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
def test_what_a_pool_records_is_at_the_server_once(server: Server, tmp_path: Path, place: str, method: str) -> None:
    run = f"{place}-{method}"
    env = environment(server, tmp_path / "spool")
    command = [sys.executable, "-m", "tests.crash.pool_program", place, run, method]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    deliver(env)
    returned = set(done.stdout.split())
    assert len(returned) > 50
    assert Audit(server).miscounted(run, returned, in_flight=WORKERS if place == "breaks" else 0) == []
