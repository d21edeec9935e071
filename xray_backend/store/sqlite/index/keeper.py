"""Keeper: starts the indexing process beside a server, and again if it dies."""

import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

__all__ = ["IndexKeeper"]

_PAUSE_SECONDS: Final = 2.0
"""Before a process that died is started again; if it dies at once, each time, it costs little."""

_STOP_SECONDS: Final = 10.0
"""A round takes a second at most; what was not finished is begun anew at the next start."""

_LOG = logging.getLogger(__name__)


class IndexKeeper:
    """Owns the process. It ends with its owner, however that ends: its input is a pipe from here."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; call it after a fork, once."""
        self._thread = threading.Thread(target=self._watch, name="xray-index-keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the process and wait for it. Idempotent."""
        self._stopping.set()
        with self._lock:
            self._close_input()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self._run()
            except OSError as error:  # no memory or no process to be had; that passes
                _LOG.warning("The indexing process cannot be started for now, queries take longer: %s", error)
            self._stopping.wait(_PAUSE_SECONDS)

    def _run(self) -> None:
        with self._lock:
            if self._stopping.is_set():
                return
            self._process = self._started()
        self._process.wait()
        with self._lock:
            self._close_input()

    def _close_input(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _started(self) -> "subprocess.Popen[bytes]":
        path = self._path.resolve()
        command = [sys.executable, "-m", "xray_backend.store.sqlite.index.process", str(path)]
        # Python looks for modules in the working directory first: there are none beside the database.
        return subprocess.Popen(command, stdin=subprocess.PIPE, cwd=path.parent)  # noqa: S603 - our own program
