"""How a connection to the database file is opened."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["BUSY_TIMEOUT_SECONDS", "open_connection", "transaction"]

BUSY_TIMEOUT_SECONDS: Final = 5.0
"""How long to wait for another process's transaction: many times the longest group commit, short of a client's
own time limit."""

_WRITER_CACHE_KIB: Final = 32 * 1024
"""The indexes of some hundred thousand steps stay in memory, so that random ids do not cost a read each."""

_AUTOCHECKPOINT_PAGES: Final = 4096
"""16 MiB of 4 KiB pages: several commits share a checkpoint's page writes, and a reader never scans a long log."""


def open_connection(path: Path, *, read_only: bool = False, cache_kib: int = _WRITER_CACHE_KIB) -> sqlite3.Connection:
    """Open the file for use by any one thread at a time; transactions are begun and ended by hand."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{cache_kib}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_AUTOCHECKPOINT_PAGES}")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error:  # the file is no database, or cannot be read
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Make what happens inside one change: all of it, or nothing where it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
