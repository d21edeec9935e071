"""Whatever is killed, cut or slowed while programs record: nothing is lost, and nothing is there twice.

`XRAY_CHAOS_FAULTS` says how many things go wrong, and `XRAY_CHAOS_SEED`, which a failure shows, brings the same again.
"""

import os
from pathlib import Path

import pytest

from tests.live.chaos.faults import sequence
from tests.live.chaos.run import Run
from tests.live.chaos.stage import Stage

FAULTS = int(os.environ.get("XRAY_CHAOS_FAULTS", "10"))
SEED = os.environ.get("XRAY_CHAOS_SEED") or os.urandom(4).hex()
SHOWN = 30
PACE_SECONDS = 0.5 * max(1, FAULTS / 25)  # between two traces: no more than can be counted in reasonable time


@pytest.mark.timeout(900 + 60 * FAULTS)
def test_nothing_is_lost_and_nothing_is_there_twice_whatever_part_fails(tmp_path: Path) -> None:
    print(f"XRAY_CHAOS_FAULTS={FAULTS} XRAY_CHAOS_SEED={SEED} brings the same again.")
    with Stage(tmp_path / "stage") as stage:
        found = Run(stage, SEED, tmp_path / "programs", PACE_SECONDS).wrong(sequence(SEED, FAULTS))
    assert not found, "\n".join([f"{len(found)} are wrong:", *found[:SHOWN]])
