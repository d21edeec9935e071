"""The life of a program that records until something ends it."""

import signal
import subprocess
import sys
import threading
from random import Random

from tests.crash.delivery import ROOT

__all__ = ["ENDINGS", "run_to_its_end"]

ENDINGS = ("kill", "kill", "kill", "term", "handled", "exit", "memory", "disk")  # the rudest most often
SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "handled": signal.SIGTERM}
LONGEST_LIFE_SECONDS = 60.0  # of a program that lives for half a second and may wait at its end for a server
PATIENT_EXIT = {"XRAY_EXIT_TIMEOUT_SECONDS": "30"}  # what a full disk left in memory has to reach the server


def run_to_its_end(run: str, ending: str, chosen: Random, env: dict[str, str]) -> set[str]:
    """Start the program, see it end, and return the labels of the calls that had returned."""
    command = [sys.executable, "-m", "tests.crash.recording_program", run, ending, run]
    env = {**env, **(PATIENT_EXIT if ending == "disk" else {})}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=env, cwd=ROOT, stdout=pipe, stderr=pipe) as program:
        watchdog = threading.Timer(LONGEST_LIFE_SECONDS, program.kill)
        watchdog.start()
        returned = _end(program, ending, chosen)
        errors = program.stderr.read().decode() if program.stderr else ""
        assert watchdog.is_alive(), f"{run} ({ending}) hung"
        watchdog.cancel()
    assert ending == "memory" or errors == "", f"{run} ({ending}) printed {errors}"
    return returned


def _end(program: "subprocess.Popen[bytes]", ending: str, chosen: Random) -> set[str]:
    """Let the program live for some lines, end it at whatever it does then, and return all that it told."""
    assert program.stdout is not None
    told: list[bytes] = []
    if ending in SIGNALS:
        for _ in range(chosen.choice([1, 2, 99, 100, 101, chosen.randint(1, 600)])):
            told.append(program.stdout.readline())
        program.send_signal(SIGNALS[ending])
    told += program.stdout.read().splitlines()
    return {line.decode().strip() for line in told}
