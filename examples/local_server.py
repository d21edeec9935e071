"""A server of one's own for as long as a `with` block: `xray-backend up` as a child process."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

__all__ = ["Credentials", "LocalServer", "ServerFailed"]

START_TIMEOUT_SECONDS = 60.0  # it takes two or three; a busy machine deserves patience
STOP_TIMEOUT_SECONDS = 10.0  # then it is ended the hard way
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
READY_WORDS = "ready at http"
LAST_LINES = 3  # of the server's output, told when it fails


class ServerFailed(Exception):
    """The server did not start; the message says what it said last."""


@dataclass(frozen=True)
class Credentials:
    """What a local server writes for its user at its first start."""

    base_url: str
    project_id: str
    api_key: str = field(repr=False)
    email: str
    password: str = field(repr=False)


class LocalServer:
    """Runs on a free port of this machine and keeps all it stores under one directory."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._process: subprocess.Popen[str] | None = None
        self._reading = threading.Thread(target=self._read_output, daemon=True)

    def __enter__(self) -> Credentials:
        """Start the server and wait until it says that it takes requests. Raises ServerFailed if it does not."""
        try:
            with _interrupts_put_off():
                self._process = self._start()
            self._reading.start()
            self._wait_until_ready()
            return self._credentials()
        except BaseException:
            self._stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the server and wait until it has gone."""
        self._stop()

    def _start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [_program(), "up", "--port", "0", "--data-dir", str(self._data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is this program's alone; it ends its child itself
        )

    def _read_output(self) -> None:
        """Read to the end, so that the server never waits for a full pipe."""
        if self._process is None or self._process.stdout is None:
            return
        with self._process.stdout as output:
            for line in output:
                self._lines.put(line.strip())
        self._lines.put(None)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        heard: list[str] = []
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise ServerFailed(_told("The server was not ready in time", heard)) from None
            if line is None:
                raise ServerFailed(_told("The server ended while it was starting", heard))
            if READY_WORDS in line:
                return
            heard.append(line)

    def _credentials(self) -> Credentials:
        path = self._data_dir / "credentials.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return Credentials(
                base_url=found["baseUrl"],
                project_id=found["projectId"],
                api_key=found["apiKey"],
                email=found["email"],
                password=found["password"],
            )
        except (OSError, ValueError, KeyError) as error:
            raise ServerFailed(f"The server's {path.name} cannot be used ({type(error).__name__}: {error}).") from error

    def _stop(self) -> None:
        if self._process is None:
            return
        try:
            self._process.terminate()
            self._process.wait(STOP_TIMEOUT_SECONDS)
        except BaseException as error:
            os.killpg(self._process.pid, signal.SIGKILL)  # the server and its workers; not reaped yet, so the id is its
            self._process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise  # a second Ctrl-C
        if self._reading.is_alive():
            self._reading.join(STOP_TIMEOUT_SECONDS)


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """Let Ctrl-C and its like wait until a process that was started is also known, so that it can be ended."""
    came: list[int] = []
    former = {number: signal.signal(number, lambda came_now, _: came.append(came_now)) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _program() -> str:
    """Find the server's command, first beside this interpreter."""
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    found = shutil.which("xray-backend", path=places)
    if found is None:
        raise ServerFailed("xray-backend is not installed here; `make demo` installs it and starts this.")
    return found


def _environment() -> dict[str, str]:
    """Leave out settings of X-Ray's that may stand for a real server; this one shall have the defaults."""
    return {name: value for name, value in os.environ.items() if not name.startswith("XRAY_")}


def _told(what: str, heard: list[str]) -> str:
    last = " / ".join(line for line in heard[-LAST_LINES:] if line)
    return f"{what}; it said: {last}" if last else f"{what} and said nothing."
