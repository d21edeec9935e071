"""SecantusDB: MongoDB's wire protocol over WiredTiger, with MongoDB's meaning; it keeps its data in its folder."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.servers.mongodb_client import assert_mongodb_answers
from tests.servers.process import HOST, ServerProcess

__all__ = ["Secantus"]


class Secantus(ServerProcess):
    """With `sync`, what it has acknowledged outlives a kill; without it is faster."""

    name = "SecantusDB"

    def __init__(self, folder: Path | None = None, *, sync: bool = False) -> None:
        super().__init__(folder)
        self._sync = sync

    @property
    def url(self) -> str:
        """Where it is, without the name of a database."""
        return f"mongodb://{self.address}/?directConnection=true"

    def command(self) -> Sequence[str]:
        """Return the command line."""
        return [
            *(sys.executable, "-m", "secantus"),
            *("--host", HOST, "--port", str(self.port)),
            *("--storage-path", str(self.folder / "data")),
            *("--log-level", "WARNING"),
            *(["--sync-on-commit"] if self._sync else []),
        ]

    def answer(self) -> None:
        """Ask whether it is there."""
        assert_mongodb_answers(self.url)
