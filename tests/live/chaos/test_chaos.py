"""Whatever is killed, cut or slowed while programs record: nothing is lost, and nothing is there twice.

`XRAY_CHAOS_FAULTS` says how many things go wrong, and `XRAY_CHAOS_SEED`, which a failure shows, brings the same again.
"""

import os
from contextlib import closing
from pathlib import Path

import pytest

from tests.live.chaos.faults import sequence
from tests.live.chaos.queue import Queue
from tests.live.chaos.recording import Recording, Told
from tests.live.chaos.stage import GROUP, Stage
from tests.live.chaos.stored import Stored
from tests.live.chaos.verdict import faults

FAULTS = int(os.environ.get("XRAY_CHAOS_FAULTS", "10"))
SEED = os.environ.get("XRAY_CHAOS_SEED") or os.urandom(4).hex()
SHOWN = 30


@pytest.mark.timeout(900 + 60 * FAULTS)
def test_nothing_is_lost_and_nothing_is_there_twice_whatever_part_fails(tmp_path: Path) -> None:
    print(f"XRAY_CHAOS_FAULTS={FAULTS} XRAY_CHAOS_SEED={SEED} brings the same again.")
    with Stage(tmp_path / "stage") as stage:
        told = record(stage, tmp_path / "programs")
        with closing(Queue(stage.kafka.servers, "xray-events", GROUP)) as queue:
            queue.wait_until_drained()
            with closing(Stored(stage)) as stored:
                found = list(faults(told, stored, queue.events()))
            found += [f"this was set aside as a dead letter: {headers}" for headers in queue.dead()]
    assert len(told.steps) > FAULTS
    assert not found, "\n".join([f"{len(found)} are wrong:", *found[:SHOWN]])


def record(stage: Stage, folder: Path) -> Told:
    """Let programs record while one thing after another goes wrong."""
    with Recording(SEED, folder, stage.sdk()) as recording:
        for fault in sequence(SEED, FAULTS):
            print(fault.run(stage))
        return recording.end()
