"""The fixture that users' own tests record with."""

import subprocess
import sys
from pathlib import Path

USERS_TESTS = """
import xray_trace as xray
from xray_trace import default

@xray.step
def double(x):
    return 2 * x

def test_that_records(xray_recorder):
    assert double(4) == 8
    (step,) = xray_recorder.steps
    assert (step.name, step.inputs, step.output, step.failed) == ("double", {"x": 4}, 8, False)

def test_that_comes_after():
    assert default._installed is None
"""


def test_the_fixture_records_one_test_and_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "test_users.py").write_text(USERS_TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
