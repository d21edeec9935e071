"""How large the database is, as its server tells."""

import time
from typing import Final

import pymongo
from pymongo.errors import PyMongoError

from xray_backend.errors import Unavailable
from xray_backend.store.mongodb.connection import Database

__all__ = ["Size"]

_REMEMBERED_SECONDS: Final = 10.0
"""A scrape asks for several numbers at once, and the size changes slowly."""

_TIME_LIMIT_SECONDS: Final = 1.0
"""A scrape goes on without it then."""


class Size:
    """Asks for the size now and then. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._size_bytes = 0
        self._asked_at: float | None = None

    def size_bytes(self) -> int:
        """Return the bytes of documents and indexes on the server's disk; what was known last, if it does not say."""
        now = time.monotonic()
        if self._asked_at is None or now - self._asked_at >= _REMEMBERED_SECONDS:
            self._asked_at = now
            self._size_bytes = self._ask()
        return self._size_bytes

    def _ask(self) -> int:
        try:
            with pymongo.timeout(_TIME_LIMIT_SECONDS):
                told = self._database.handle().command("dbStats")
            return int(told["storageSize"]) + int(told["indexSize"])
        except (PyMongoError, Unavailable, KeyError, ValueError, TypeError):
            return self._size_bytes
