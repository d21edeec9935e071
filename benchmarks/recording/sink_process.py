"""The sink as a process of its own, from its start to its end."""

import subprocess
import sys
from http.client import HTTPConnection

import msgspec

from recording.counts import Counts, Orders

__all__ = ["SinkProcess"]


class SinkProcess:
    """A running sink; a context manager that stops it."""

    def __init__(self, port: int = 0) -> None:
        command = [sys.executable, "-m", "recording.sink", str(port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the sink did not start")
        self.port = int(line)
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "SinkProcess":
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate()  # which ends its standard input

    def order(self, delay_seconds: float = 0.0, keep_in: str = "") -> None:
        """Set all counts to zero, and behave like this from now on."""
        self._ask("POST", msgspec.json.encode(Orders(delay_seconds, keep_in)))

    def counts(self) -> Counts:
        """Return what came since the last order."""
        return msgspec.json.decode(self._ask("GET"), type=Counts)

    def _ask(self, method: str, body: bytes | None = None) -> bytes:
        connection = HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request(method, "/-/", body)
            return connection.getresponse().read()
        finally:
            connection.close()
