"""The program's own hooks may record, and its debug modes say nothing of ours."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import atexit, os
import xray_trace as xray

@xray.step
def work(where): return where

atexit.register(work, "at exit")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: work("in the child"))
work("at first")
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
"""


def run(spool: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "XRAY_API_KEY": "xray_sk_hooks",
        "XRAY_BASE_URL": "http://127.0.0.1:9",
        "XRAY_SPOOL_DIR": str(spool),
        "XRAY_EXIT_TIMEOUT_SECONDS": "0.5",
    }
    # From Python 3.12 on, the interpreter warns of every fork in a program with threads; the program says whether
    # it wants to hear of that.
    command = [sys.executable, *flags, "-W", "ignore:This process:DeprecationWarning", "-c", PROGRAM]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def recorded_in(spool: Path) -> list[str]:
    files = [path.read_bytes() for path in (spool / "events").iterdir()]
    return [where for where in ("at first", "in the child", "at exit") if any(where.encode() in f for f in files)]


def test_what_the_programs_own_exit_and_fork_hooks_record_is_kept(tmp_path: Path) -> None:
    done = run(tmp_path / "spool")
    assert (done.returncode, done.stderr) == (0, "")
    assert recorded_in(tmp_path / "spool") == ["at first", "in the child", "at exit"]


def test_python_s_development_mode_prints_nothing_of_ours(tmp_path: Path) -> None:
    done = run(tmp_path / "spool", "-X", "dev")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
