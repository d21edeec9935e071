"""A step whose call has returned survives the process, whatever moment it is killed at."""

import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.server import Server
from tests.crash.delivery import deliver, environment, log_in, stored

PROGRAM = Path(__file__).with_name("recording_program.py")
KILLS = 12


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data") as server:
        yield server


def run_and_kill(run: str, steps: int, env: dict[str, str], large_every: int = 0) -> int:
    """Start the program, kill it after so many steps, and return how many had returned."""
    command = [sys.executable, str(PROGRAM), run, str(large_every)]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        last = -1
        for line in program.stdout:
            last = int(line)
            if last + 1 >= steps:
                break
        program.send_signal(signal.SIGKILL)
        rest = program.stdout.read().split()
        return int(rest[-1]) + 1 if rest else last + 1


def test_every_step_that_returned_before_a_kill_is_at_the_server_once(server: Server, tmp_path: Path) -> None:
    env = environment(server, tmp_path / "spool")
    chosen = random.Random()
    returned = {}
    for kill in range(KILLS):
        steps = chosen.choice([1, 2, 30, 99, 100, 101, chosen.randint(1, 800)])
        returned[f"run{kill}"] = run_and_kill(f"run{kill}", steps, env, large_every=chosen.choice([0, 7, 50]))
    deliver(env)
    token = log_in(server)
    for run, count in returned.items():
        found = stored(server, token, run)
        assert [i for i in range(count) if found[i] != 1] == [], f"{run}: {count} steps had returned"
        assert set(found.values()) == {1}, run


def test_what_was_recorded_while_the_server_was_down_comes_when_it_is_back(server: Server, tmp_path: Path) -> None:
    env = environment(server, tmp_path / "spool")
    port = int(server.base_url.rpartition(":")[2])
    server.kill()
    count = run_and_kill("offline", 250, env, large_every=100)
    with Server(server.data_dir, port=port) as again:
        deliver(env)
        found = stored(again, log_in(again), "offline")
    assert [i for i in range(count) if found[i] != 1] == []


def test_programs_with_different_keys_share_a_spool_and_send_only_their_own(server: Server, tmp_path: Path) -> None:
    token = log_in(server)
    project = server.call("POST", "/api/v1/projects", json={"name": "other"}, token=token).json()["project"]
    path = f"/api/v1/projects/{project['projectId']}"
    key = server.call("POST", f"{path}/keys", json={"name": "k"}, token=token).json()["apiKey"]["key"]
    spool = tmp_path / "spool"
    mine, other = environment(server, spool), environment(server, spool, XRAY_API_KEY=key)
    slow = {"XRAY_BATCH_INTERVAL_SECONDS": "60", "XRAY_MAX_BATCH_SIZE": "1000"}
    count = run_and_kill("mine", 50, {**mine, **slow})
    others = run_and_kill("theirs", 50, {**other, **slow})
    deliver(other)
    assert stored(server, token, "mine") == Counter()
    deliver(mine)
    assert sum(stored(server, token, "mine").values()) >= count
    theirs = server.call("POST", f"{path}/query", json={"filter": {}, "limit": 100}, token=token).json()["results"]
    assert {step["metadata"]["run"] for step in theirs} == {"theirs"}
    assert len(theirs) >= min(others, 100)
