"""A step whose call has returned is at the server, once, with its inputs, whatever ended its program and when."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from random import Random

import pytest

from tests.backend.server import Server
from tests.crash.audit import Audit
from tests.crash.delivery import deliver, environment, log_in, stored_steps
from tests.crash.labels import IN_FLIGHT
from tests.crash.lives import ENDINGS, run_to_its_end
from tests.servers.process import free_port

KILLS = int(os.environ.get("XRAY_CRASH_KILLS", "30"))
SEED = os.environ.get("XRAY_CRASH_SEED") or os.urandom(4).hex()
KILLS_A_SERVER = 30  # so that counting, which looks at each step that the server has, stays short
SERVER_AWAY_EVERY = 10  # programs: killed before one of so many, it comes back after it


@contextmanager
def away(server: Server) -> Iterator[None]:
    """Have the server killed for the time of the block."""
    server.kill()
    yield
    server.start()


@pytest.mark.parametrize("turn", range(0, KILLS, KILLS_A_SERVER))
def test_every_step_that_returned_before_its_program_ended_is_at_the_server_once_as_it_was(
    tmp_path: Path, turn: int
) -> None:
    chosen = Random(f"{SEED}-{turn}")
    returned: dict[str, set[str]] = {}
    with Server(tmp_path / "data", port=free_port()) as server:
        env = environment(server, tmp_path / "spool")
        for number in range(turn, min(turn + KILLS_A_SERVER, KILLS)):
            is_away = number % SERVER_AWAY_EVERY == SERVER_AWAY_EVERY // 2
            ending = "kill" if is_away else chosen.choice(ENDINGS)
            run = f"{SEED}-{number}-{ending}"
            with away(server) if is_away else nullcontext():
                returned[run] = run_to_its_end(run, ending, chosen, env)
        deliver(env)
        audit = Audit(server)
        faults = [fault for run, labels in returned.items() for fault in audit.faults(run, labels, IN_FLIGHT)]
    assert not faults, "\n".join([f"XRAY_CRASH_SEED={SEED}: {len(faults)} faults", *faults[:20]])


def test_programs_with_different_keys_share_a_spool_and_send_only_their_own(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        token = log_in(server)
        project = server.call("POST", "/api/v1/projects", json={"name": "other"}, token=token).json()["project"]
        path = f"/api/v1/projects/{project['projectId']}"
        key = server.call("POST", f"{path}/keys", json={"name": "k"}, token=token).json()["apiKey"]["key"]
        slow = {"XRAY_BATCH_INTERVAL_SECONDS": "60", "XRAY_MAX_BATCH_SIZE": "1000"}
        mine = environment(server, tmp_path / "spool", **slow)
        others = {**mine, "XRAY_API_KEY": key}
        returned = run_to_its_end("mine", "kill", Random(SEED), mine)
        theirs = run_to_its_end("theirs", "kill", Random(SEED), others)
        deliver(others)
        assert stored_steps(server, token, "mine") == []
        deliver(mine)
        assert Audit(server).faults("mine", returned, IN_FLIGHT) == []
        assert Audit(server, project["projectId"]).faults("theirs", theirs, IN_FLIGHT) == []
        assert stored_steps(server, token, "mine", project["projectId"]) == []
