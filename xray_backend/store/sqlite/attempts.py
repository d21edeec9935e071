"""Attempts to log in or to register, as long as they count."""

import sqlite3
from collections.abc import Callable
from typing import Final

from xray_backend.store.sqlite.readers import Readers
from xray_backend.store.sqlite.writer import Writer

__all__ = ["Attempts"]

_REMOVED_AT_ONCE: Final = 100
"""An attempt adds one row, so any number above that shrinks the table; a hundred make no commit noticeably longer."""

_COUNT: Final = "SELECT count(*), min(at_ms) FROM attempts WHERE key = ? AND at_ms > ? AND at_ms <= ?"
_REMOVE: Final = "DELETE FROM attempts WHERE rowid IN (SELECT rowid FROM attempts WHERE ends_at_ms <= ? LIMIT ?)"


class Attempts:
    """The attempts' part of the store."""

    def __init__(self, writer: Writer, readers: Readers, clock: Callable[[], int]) -> None:
        self._writer = writer
        self._readers = readers
        self._clock = clock

    def count(self, key: str, limit: int, window_seconds: int) -> bool:
        """Insert an attempt unless the window is full, which a reader alone finds out for most of a flood."""
        if self.in_window(key, window_seconds)[1] >= limit:
            return False
        window_ms = window_seconds * 1000

        def insert(connection: sqlite3.Connection) -> bool:
            now = self._clock()
            connection.execute(_REMOVE, (now, _REMOVED_AT_ONCE))
            if connection.execute(_COUNT, _window(key, now, window_ms)).fetchone()[0] >= limit:
                return False
            connection.execute("INSERT INTO attempts VALUES (?, ?, ?)", (key, now, now + window_ms))
            return True

        return self._writer.run(insert)

    def in_window(self, key: str, window_seconds: int) -> tuple[int, int]:
        """Return the time of the oldest attempt that counts, and how many do."""
        now = self._clock()
        count, oldest = self._readers.first(_COUNT, _window(key, now, window_seconds * 1000))
        return (now if oldest is None else oldest), count


def _window(key: str, now: int, window_ms: int) -> tuple[str, int, int]:
    """Return the key and between when and when attempts count; a window ahead, since a clock may be set back."""
    return key, now - window_ms, now + window_ms
