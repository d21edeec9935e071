"""A program may record wherever its code runs: nothing is lost, nothing comes twice, and nobody hangs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.server import Server
from tests.crash.audit import Audit
from tests.crash.delivery import ROOT, deliver, environment


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.mark.parametrize(
    ("place", "in_flight"), [("signal", 0), ("garbage", 0), ("logging", 0), ("daemon", 4), ("atexit", 0)]
)
def test_what_is_recorded_there_is_at_the_server_once(
    server: Server, tmp_path: Path, place: str, in_flight: int
) -> None:
    env = environment(server, tmp_path / "spool", XRAY_DEBUG="1" if place == "logging" else "0")
    command = [sys.executable, "-X", "dev", "-m", "tests.crash.hooked_program", place, place]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    deliver(env)
    returned = set(done.stdout.split())
    assert len(returned) > 100
    audit = Audit(server)
    assert audit.miscounted(place, returned, in_flight) == []
    assert "ours/xray_trace" not in audit.labels("ours"), "what is recorded of our own lines would make more lines"
