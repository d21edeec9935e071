"""SQLite's errors become ours at the boundary."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from xray_backend.errors import ConfigurationError, Unavailable

__all__ = ["RETRY_AFTER_SECONDS", "opening", "translated"]

RETRY_AFTER_SECONDS: Final = 2
"""Long enough for a busy writer to get through its queue, short enough that a client's own buffer stays small."""

_BUSY: Final = "The database is busy with another process; try again."
_SENTENCES: Final = (
    ("locked", _BUSY),
    ("busy", _BUSY),
    ("locking protocol", _BUSY),  # others opened or recovered the log at the same moment, again and again
    ("full", "The server's disk is full; nothing was stored. Try again when there is room."),
    ("readonly", "The server's database is read-only, so nothing can be stored now."),
    ("unable to open", "The server's database file cannot be opened."),
    (
        "i/o error",
        "The server's disk is full, or did not take or give the data; nothing was stored. Try again.",
    ),
    ("malformed", "The server's database file is damaged; it must be restored from a backup."),
    ("not a database", "The server's database file is damaged; it must be restored from a backup."),
    ("out of memory", "The database ran out of memory; try again."),
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what SQLite says when the disk or the file fails into `Unavailable`; a mistake of ours stays one."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        sentence = _sentence(str(error).lower())
        if sentence is None:
            raise
        raise Unavailable(sentence, retry_after_seconds=RETRY_AFTER_SECONDS) from error


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Turn what keeps a file from being opened into `ConfigurationError`; a lock alone is `Unavailable`: it passes."""
    try:
        with translated():
            yield
    except Unavailable as error:
        if error.message == _BUSY:
            raise
        raise ConfigurationError(f"The database {path} cannot be used. {error.message}") from error


def _sentence(message: str) -> str | None:
    return next((sentence for part, sentence in _SENTENCES if part in message), None)
