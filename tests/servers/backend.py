"""The server's own programs, as processes: `xray-backend` with the settings that are given."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import requests

from tests.servers.process import ServerFailed, ServerProcess

__all__ = ["BackendProcess", "run_backend"]

PROGRAM = (sys.executable, "-c", "import sys; from xray_backend.start import main; sys.exit(main())")
ANSWER_SECONDS = 5.0  # how long `/ready` asks the database, the queue and the blob store
RUN_SECONDS = 120.0  # `init` waits for brokers, and makes some indexes


class BackendProcess(ServerProcess):
    """A command that runs until it is told to stop, and answers on a port: `serve` or `consume`."""

    def __init__(self, command: str, folder: Path, settings: Mapping[str, str]) -> None:
        super().__init__(folder)
        self.name = f"`xray-backend {command}`"
        self._command = command
        self._settings = settings

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.address}"

    def prepare(self) -> None:
        """Make its folder."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def command(self) -> Sequence[str]:
        """Return the command line."""
        return [*PROGRAM, self._command]

    def variables(self) -> Mapping[str, str]:
        """Return its settings, with the port and the folder that are its own."""
        port = str(self.port)
        return {**self._settings, "XRAY_PORT": port, "XRAY_CONSUMER_PORT": port, "XRAY_DATA_DIR": str(self.folder)}

    def kill(self) -> None:
        """End it at once, with the processes that it started."""
        with suppress(ProcessLookupError):  # it has ended by itself, and nobody of its own is left
            os.killpg(self.pid, signal.SIGKILL)
        super().kill()

    def answer(self) -> None:
        """Ask whether it is ready. Raises `RuntimeError`, with its own sentence, or `OSError` if not."""
        answered = requests.get(f"{self.url}/ready", timeout=ANSWER_SECONDS)
        if answered.status_code != HTTPStatus.OK:
            raise RuntimeError(answered.text)


def run_backend(arguments: Sequence[str], variables: Mapping[str, str]) -> str:
    """Run a command to its end and return what it printed. Raises `ServerFailed` if its status is not 0."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        env=dict(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_SECONDS,
    )
    if done.returncode:
        raise ServerFailed(f"`xray-backend {' '.join(arguments)}` ended with status {done.returncode}: {done.stdout}")
    return done.stdout
