"""Who has only just begun is never taken for dead."""

import subprocess
import sys
from pathlib import Path

from xray_trace.export.ownership import OwnerLock

SCAVENGER = """
import os, sys
from pathlib import Path
from xray_trace.export.ownership import OwnerLock
folder, taken = Path(sys.argv[1]), 0
print("ready", flush=True)
while not (folder / "stop").exists():
    for name in os.listdir(folder):
        if name.endswith(".lock") and not name.startswith("."):
            lock = OwnerLock.inherit(folder / name)
            if lock is not None:
                taken += 1
                lock.close()
print(taken)
"""


def test_the_lock_of_a_new_owner_is_never_taken_by_those_who_look_for_the_dead(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCAVENGER, str(tmp_path)]
    scavengers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for scavenger in scavengers:
        assert scavenger.stdout is not None
        assert scavenger.stdout.readline() == "ready\n"
    locks = [OwnerLock.create(tmp_path / f"{number}.lock") for number in range(400)]
    (tmp_path / "stop").touch()
    taken = [int(scavenger.communicate(timeout=60)[0]) for scavenger in scavengers]
    assert taken == [0, 0]
    for lock in locks:
        assert lock.is_intact()
        lock.release()
