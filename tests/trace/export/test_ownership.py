import os
import subprocess
import sys

import pytest

from tests.trace.export.bench import ROOT
from xray_trace.export.ownership import OwnerLock, is_alive

LOOK = """
import sys
from pathlib import Path
from xray_trace.export.ownership import OwnerLock, is_alive
path = Path(sys.argv[1])
print(is_alive(path), OwnerLock.inherit(path) is not None)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "owner.lock"


def seen_from_outside(path) -> str:
    """What another process finds: whether the owner lives, and whether its lock could be taken."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(path)], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    return done.stdout.strip()


def test_an_owner_lives_as_long_as_it_holds_its_lock(path):
    lock = OwnerLock.create(path)
    assert seen_from_outside(path) == "True False"
    lock.close()
    assert seen_from_outside(path) == "False True"


def test_a_process_does_not_take_its_own_lock_for_a_dead_ones(path):
    lock = OwnerLock.create(path)
    assert is_alive(path)
    assert OwnerLock.inherit(path) is None
    assert seen_from_outside(path) == "True False"
    lock.release()
    assert not path.exists()


def test_looking_at_ones_own_lock_does_not_drop_it(path):
    lock = OwnerLock.create(path)
    for _ in range(3):
        is_alive(path)
        OwnerLock.inherit(path)
    assert seen_from_outside(path) == "True False"
    lock.release()


def test_a_lock_is_inherited_once(path):
    path.touch()
    first = OwnerLock.inherit(path)
    assert first is not None
    assert OwnerLock.inherit(path) is None
    first.release()
    first.release()


def test_an_owner_whose_lock_file_is_gone_can_be_inherited_by_one(path):
    lock = OwnerLock.inherit(path)
    assert lock is not None
    assert OwnerLock.inherit(path) is None
    lock.release()


def test_a_forked_child_does_not_keep_a_dead_owner_alive(path):
    """The child has the parent's descriptor, but not its lock."""
    read_end, write_end = os.pipe()
    lock = OwnerLock.create(path)
    child = os.fork()
    if child == 0:
        os.close(write_end)
        os.read(read_end, 1)  # until the parent has looked
        os._exit(0)
    os.close(read_end)
    lock.close()  # as the end of the parent would do
    try:
        assert seen_from_outside(path) == "False True"
    finally:
        os.close(write_end)
        os.waitpid(child, 0)


def test_a_forked_child_does_not_take_the_parents_lock_for_its_own(path):
    lock = OwnerLock.create(path)
    child = os.fork()
    if child == 0:
        os._exit(0 if is_alive(path) and OwnerLock.inherit(path) is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert seen_from_outside(path) == "True False"
    lock.release()


def test_a_descriptor_number_that_belongs_to_the_program_by_now_is_not_closed(path, tmp_path):
    lock = OwnerLock.create(path)
    number = lock._descriptor
    with (tmp_path / "foreign").open("wb") as file:
        os.dup2(file.fileno(), number)  # closes ours first, as programs do before they become daemons
        lock.release()
        assert os.fstat(number).st_ino == os.fstat(file.fileno()).st_ino
        os.close(number)
