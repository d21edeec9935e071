"""`make up-live` and `make demo-live`, as a stranger runs them."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.examples.conftest import ROOT, Home

SECONDS = 300.0  # for what takes some twenty on a machine at rest, and two minutes where other tests keep it busy
PROGRAM = [sys.executable, "examples/live.py"]

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is found through /proc"),
    pytest.mark.timeout(2 * SECONDS),
]


def left_of(home: Home) -> list[str]:
    """List what runs in this home, whoever started it, and what lies in its folder of temporary files."""
    mark = f"TMPDIR={home.temporary}".encode()
    running = [path.parent for path in Path("/proc").glob("[0-9]*/environ") if mark in read(path).split(b"\0")]
    commands = [read(process / "cmdline").replace(b"\0", b" ").decode() for process in running]
    return [*commands, *(str(path) for path in home.temporary.glob("xray*"))]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended, or is somebody else's
        return b""


def wait_until(holds: Callable[[], object], program: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert program.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_demo_shows_from_the_database_what_it_recorded_and_leaves_nothing(home: Home) -> None:
    with subprocess.Popen(
        [*PROGRAM, "--demo"],
        cwd=ROOT,
        env={**home.environ, "PYTHONPATH": "."},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            shown, said = program.communicate(timeout=SECONDS)
        finally:
            program.terminate()  # of a failed test: with all that it started
    assert (program.returncode, said) == (0, "")
    assert re.search(r"MongoDB +mongodb://127.0.0.1:\d+", shown)
    assert re.search(r"1 generate_keywords +\d+\.\d ms", shown)
    assert '→ title str[12] "Steel bottle"' in shown
    assert re.search(r"rank +\S.*? +Home & Garden +0 notes", shown)
    assert re.search(r"keywordCount +number", shown)
    assert left_of(home) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["the broker starts", "all is up"])
def test_a_signal_ends_all_that_was_started(home: Home, ending: signal.Signals, moment: str) -> None:
    output = home.folder / "output"
    with (
        output.open("w") as written,
        subprocess.Popen(
            PROGRAM,
            cwd=ROOT,
            env={**home.environ, "PYTHONPATH": "."},
            stdout=written,
            stderr=subprocess.PIPE,
            text=True,
        ) as program,
    ):
        try:
            if moment == "the broker starts":
                wait_until(lambda: list(home.temporary.glob("xray-live-*/kafka/server.log")), program)
            else:
                wait_until(lambda: "S3  " in output.read_text(), program)
                found = re.search(r"API +(http\S+)", output.read_text())
                assert found is not None
                assert requests.get(f"{found[1]}/ready", timeout=SECONDS).status_code == 200
            os.kill(program.pid, ending)
            _, said = program.communicate(timeout=SECONDS)
        finally:
            program.terminate()  # of a failed test: with all that it started
            program.wait(SECONDS)
    assert (program.returncode, said) == (0, "Interrupted; nothing is left running.\n")
    assert left_of(home) == []
