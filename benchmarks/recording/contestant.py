"""A tool's process that is measured burst by burst, in turn with those of other tools."""

import subprocess
import sys
import tempfile

import msgspec

from recording.programs.calls import Costs

__all__ = ["Contestant"]


class Contestant:
    """A running `programs/calls.py`; a context manager that ends it."""

    def __init__(self, tool: str, work: str, calls: int, environment: dict[str, str]) -> None:
        self._name = f"{tool}, {work}"
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        command = [sys.executable, "-m", "recording.programs.calls", tool, work, str(calls)]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints
        )
        self._read()

    def __enter__(self) -> "Contestant":
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate()  # which ends its standard input
        self._complaints.close()

    def burst(self) -> Costs:
        """Have it do one burst."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._read(), type=Costs)

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._complaints.seek(0)
            raise SystemExit(f"{self._name} ended:\n{self._complaints.read().decode()[-4000:]}")
        return line
