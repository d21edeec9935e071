"""Nobody sees or changes what is not theirs, whatever they call, and with whatever id, cursor, URL or filter."""

import os
from pathlib import Path
from random import Random

from tests.access.player import Player
from tests.access.wire import Wire
from tests.access.world import API, World
from tests.backend.server import Server

CALLS = int(os.environ.get("XRAY_ACCESS_CALLS", "1500"))
SEED = os.environ.get("XRAY_ACCESS_SEED") or os.urandom(4).hex()
CALLS_TO_MEET_ALL = 5000  # a short game goes on for so many calls at most, until each kind was allowed and refused
UNLIMITED = "1000000/minute"
REFUSED_ALWAYS = {"altered URL", "altered URL of part", "key as token", "token as key"}
ALLOWED_ALWAYS = {"GET by URL", "GET of range by URL", "PUT by URL", "PUT of part"}


def test_every_answer_is_what_the_model_of_who_may_see_what_says(tmp_path: Path) -> None:
    limits = {
        "XRAY_LOGIN_RATE_PER_ADDRESS": UNLIMITED,
        "XRAY_LOGIN_RATE_PER_ACCOUNT": UNLIMITED,
        "XRAY_REGISTER_RATE_PER_ADDRESS": UNLIMITED,
    }
    with Server(tmp_path / "data", **limits) as server:
        wire = Wire(server.base_url)
        world = World(wire, Random(SEED), (tmp_path / "data" / "jwt-secret").read_text())
        try:
            play(world)
            audit(world)
        except AssertionError as error:
            raise AssertionError(f"XRAY_ACCESS_SEED={SEED} XRAY_ACCESS_CALLS={CALLS}: {error}") from error
        finally:
            wire.close()


def play(world: World) -> None:
    for _ in range(4):
        world.make_project(world.register())
    player = Player(world)
    while world.outcomes.total() < CALLS or (unmet(world) and world.outcomes.total() < CALLS_TO_MEET_ALL):
        player.play()
    assert not unmet(world)
    assert world.marks_shown > CALLS / 50, "the projects' texts were hardly ever shown to those who may see them"


def unmet(world: World) -> set[str]:
    """Return the kinds of call that were never allowed, or never refused."""
    kinds = {kind for kind, _ in world.outcomes}
    allowed = {kind for kind, verdict in world.outcomes if verdict == 200}
    refused = {kind for kind, verdict in world.outcomes if verdict != 200}
    return (kinds - REFUSED_ALWAYS - allowed) | (kinds - ALLOWED_ALWAYS - refused)


def audit(world: World) -> None:
    """Read every project whole, and compare it with what was recorded with its keys."""
    for project_id, steps in world.who_may.steps.items():
        token = world.token[world.who_may.owners(project_id)[0]]
        found: dict[str, int] = {}
        asked: dict[str, object] = {"filter": {}, "limit": 100}
        while True:
            answer = world.wire.call("POST", f"{API}/projects/{project_id}/query", token=token, json=asked)
            world.hold_in_project("audit", answer, token, project_id, ("owner",), {200})
            page = answer.json()
            found |= {step["stepId"]: step["metadata"]["n"] for step in page["results"]}
            if page["nextCursor"] is None:
                break
            asked["cursor"] = page["nextCursor"]
        assert found == steps, f"project {project_id} holds other steps than were recorded with its keys"
