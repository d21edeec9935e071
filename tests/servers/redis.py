"""Redis: the broker and result store of the Celery tests, with nothing kept on disk."""

import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.fetched import redis_program
from tests.servers.process import HOST, ServerProcess

__all__ = ["Redis"]

ANSWER_SECONDS = 5.0  # how long one answer may take on a machine that is busy


class Redis(ServerProcess):
    """The one on PATH, else Debian's. Forgets all at its end."""

    name = "Redis"

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self._variables: Mapping[str, str] = {}

    @property
    def url(self) -> str:
        """Where it is, with the first of its databases."""
        return f"redis://{self.address}/0"

    def command(self) -> Sequence[str]:
        """Return the command line."""
        program: str | Path | None = shutil.which("redis-server")
        if program is None:
            program, self._variables = redis_program()
        kept_nowhere = ("--save", "", "--appendonly", "no")
        return [str(program), "--bind", HOST, "--port", str(self.port), "--dir", str(self.folder), *kept_nowhere]

    def variables(self) -> Mapping[str, str]:
        """Return where its libraries are, if they are not the system's."""
        return self._variables

    def answer(self) -> None:
        """Say PING. Raises `OSError` or `RuntimeError` if it does not say PONG."""
        self._ask("PING", "PONG")

    def empty(self) -> None:
        """Make it forget everything."""
        self._ask("FLUSHALL", "OK")

    def _ask(self, command: str, expected: str) -> None:
        with socket.create_connection((HOST, self.port), ANSWER_SECONDS) as connection:
            connection.sendall(f"{command}\r\n".encode())
            answered = connection.recv(64).decode(errors="replace")
        if answered != f"+{expected}\r\n":
            raise RuntimeError(answered)
