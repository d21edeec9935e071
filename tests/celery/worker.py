"""A Celery program, as `celery -A … worker` or `beat` starts it."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.crash.delivery import ROOT
from tests.servers.process import ServerProcess

__all__ = ["CeleryProcess"]

PIPELINE = "tests.celery.pipeline"


class CeleryProcess(ServerProcess):
    """One program; its children are of its own process group."""

    def __init__(
        self, folder: Path, variables: Mapping[str, str], *arguments: str, app: str = "tests.celery.pipeline"
    ) -> None:
        super().__init__(folder)
        self.name = f"celery {' '.join(arguments)}"
        self._arguments = arguments
        self._variables = variables
        self._app = app

    def prepare(self) -> None:
        """Make its folder."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def command(self) -> Sequence[str]:
        """Return the command line."""
        return [sys.executable, "-m", "celery", "-A", self._app, *self._arguments, "-l", "INFO"]

    def variables(self) -> Mapping[str, str]:
        """Return what its environment has besides this process's own."""
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        return {**self._variables, "PYTHONPATH": path}

    def answer(self) -> None:
        """Look whether it says that it is ready. Raises `RuntimeError` if not yet."""
        said = self.said()
        if " ready." not in said and "beat: Starting..." not in said:
            raise RuntimeError("it has not said so yet")

    def said(self) -> str:
        """Return what it has printed so far."""
        return self.log.read_text(errors="replace")

    def end(self, number: int = signal.SIGTERM, seconds: float = 30.0) -> int:
        """Ask it to end by this signal, and return its status. Raises `TimeoutExpired` if it takes longer."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(seconds)

    def kill(self) -> None:
        """End it with its children."""
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(self.pid, signal.SIGKILL)
        super().kill()
