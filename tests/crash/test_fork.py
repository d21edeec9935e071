"""Forked and spawned processes record on: nothing lost, nothing twice, no hang."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.server import Server
from tests.crash.delivery import deliver, environment, log_in, stored, stored_steps

PROGRAM = Path(__file__).with_name("forking_program.py")
EXPECTED = {*range(200), *(1000 * n + i for n in (1, 2, 3) for i in range(60))}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.mark.parametrize(("method", "ending"), [("fork", "exit"), ("fork", "return"), ("spawn", "return")])
def test_parent_and_children_lose_nothing_and_send_nothing_twice(
    server: Server, tmp_path: Path, method: str, ending: str
) -> None:
    token = log_in(server)
    before = stored(server, token, "forked")
    env = environment(server, tmp_path / "spool")
    command = [sys.executable, str(PROGRAM), method, ending]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=90, check=False)
    assert (done.stdout, done.stderr) == ("0 0 0\n", "")
    deliver(env)
    found = stored(server, token, "forked") - before
    assert {index for index in EXPECTED if found[index] != 1} == set()
    assert set(found) == EXPECTED
    if method == "fork":
        steps = stored_steps(server, token, "forked")[: len(EXPECTED)]
        assert len({step["traceId"] for step in steps}) == 1, "the children went on with their parent's trace"


def test_a_program_whose_server_is_down_ends_soon_and_leaves_everything_on_disk(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        env = environment(server, tmp_path / "spool")
        port = int(server.base_url.rpartition(":")[2])
        server.kill()
        started = time.monotonic()
        command = [sys.executable, str(PROGRAM), "fork", "exit"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert (done.stdout, done.stderr) == ("0 0 0\n", "")
        assert time.monotonic() - started < 30, "the exit waits for no server"
        with Server(server.data_dir, port=port) as again:
            deliver(env)
            found = stored(again, log_in(again), "forked")
    assert {index for index in EXPECTED if found[index] != 1} == set()
