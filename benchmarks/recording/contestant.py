"""A program that is measured burst by burst, in turn with others."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import TypeVar

import msgspec

__all__ = ["Contestant"]

Answer = TypeVar("Answer")


class Contestant:
    """A running program, such as `programs/calls.py`; a context manager that ends it."""

    def __init__(self, module: str, arguments: Sequence[str], environment: dict[str, str]) -> None:
        self._name = " ".join([module, *arguments])
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
        )
        self._read()

    def __enter__(self) -> "Contestant":
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate()  # which ends its standard input
        self._complaints.close()

    @property
    def process_id(self) -> int:
        """Return the program's own process; it may have started others."""
        return self._process.pid

    def burst(self, answer: type[Answer]) -> Answer:
        """Have it do one burst, and return what it answered."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._read(), type=answer)

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._complaints.seek(0)
            raise SystemExit(f"{self._name} ended:\n{self._complaints.read().decode()[-4000:]}")
        return line
