"""A server that a test or an example needs: a process on this machine with a port and a folder of its own."""

import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["HOST", "ServerFailed", "ServerProcess", "free_port"]

HOST = "127.0.0.1"
WORKERS = 8  # more of pytest-xdist than that would share ports
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
PORTS = range(15_000 + WORKER, 32_000, WORKERS)
"""Below those that outgoing connections get, so that a restart finds its own still free; each worker has others."""
START_SECONDS = 90.0  # a Java server takes 8 on a machine at rest; only one that is stuck takes so long
STOP_SECONDS = 30.0  # Kafka hands over and closes its logs in 3; what takes longer is ended
LOOK_SECONDS = 0.05  # how long the process is waited for between two questions whether it is ready
SHOWN_BYTES = 4000  # the end of the log that an error shows: a stack trace and what led to it


class ServerFailed(Exception):
    """A server did not start; the message says why, and shows the end of its log."""


_given: set[int] = set()


def free_port() -> int:
    """Return a port that nothing listens on, and that was not returned before: it may be taken into use later."""
    while True:
        port = random.choice(PORTS)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


class ServerProcess(ABC):
    """One server. `with` starts it and ends it; a kill and another start find the same folder and the same port."""

    name: str

    def __init__(self, folder: Path | None = None) -> None:
        self._is_temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"xray-{type(self).__name__.lower()}-"))
        self.port = free_port()
        self.log = self.folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._refusal: Exception | None = None

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the command line."""

    @abstractmethod
    def answer(self) -> object:
        """Ask something over the server's own protocol. Raises any error if it does not answer."""

    def variables(self) -> Mapping[str, str]:
        """Return what its environment has besides this process's own."""
        return {}

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """Do what the folder needs before the first start."""

    def __enter__(self) -> Any:
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def address(self) -> str:
        """Where it listens, as `host:port`."""
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers. Raises `ServerFailed` if it ends before, or takes too long."""
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env={**os.environ, **self.variables()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the program that started it, which ends it in its own order
            )
        self._wait_until_it_answers(self._process)

    def stop(self) -> None:
        """Ask it to end, and wait; what does not end in time is killed."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except BaseException as error:
            self.kill()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise  # a second Ctrl-C

    def kill(self) -> None:
        """End it at once, as a power cut of this one process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End it, and remove its folder unless somebody else's."""
        self.stop()
        if self._is_temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_until_it_answers(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(self._failure(f"did not answer within {START_SECONDS:.0f} s ({self._refusal!r})"))
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_SECONDS)
        if process.poll() is not None:  # who answered is another one, on the same port
            raise ServerFailed(self._failure(f"ended with status {process.returncode} before it answered"))

    def _answers(self) -> bool:
        """Tell whether waiting is over: it answers, or is no more."""
        assert self._process is not None
        try:
            self.answer()
        except Exception as refusal:
            self._refusal = refusal
            return self._process.poll() is not None
        return True

    def _failure(self, what: str) -> str:
        return f"{self.name} {what}. The end of {self.log}:\n{self._end_of_log()}"

    def _end_of_log(self) -> str:
        with open(self.log, "rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - SHOWN_BYTES))
            return log.read().decode(errors="replace")
