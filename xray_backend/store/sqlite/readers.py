"""Connections that only read: one for each thread that reads at the same time."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from xray_backend.errors import Unavailable
from xray_backend.query.sql import register_functions
from xray_backend.store.sqlite.connection import open_connection
from xray_backend.store.sqlite.failures import RETRY_AFTER_SECONDS, translated

__all__ = ["Readers"]

_T = TypeVar("_T")

_PAGE_BYTES: Final = 2 * 1024 * 1024
"""A page of documents ends here, so that all threads may read the largest at once: 1,000 steps can have 250 MiB."""

_INSTRUCTIONS_BETWEEN_CHECKS: Final = 10_000
"""SQLite's virtual machine does these in some milliseconds: often enough for a limit in seconds, seldom enough
that waiting for the interpreter's lock does not slow the query down."""


class Readers:
    """Lends out connections; one goes back to the shelf when its query is done."""

    def __init__(self, path: Path, time_limit_seconds: float) -> None:
        self._path = path
        self._time_limit_seconds = time_limit_seconds
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    def all(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """Return all rows. Raises `Unavailable` if it takes longer than the time limit."""
        return self._run(sql, parameters, sqlite3.Cursor.fetchall)

    def page(self, sql: str, parameters: Sequence[object], limit: int) -> tuple[list[Any], bool]:
        """Return so many rows, and whether there are more; fewer where the documents, the first column, are large.

        Raises as `all`.
        """
        return self._run(sql, parameters, lambda cursor: _page(cursor, limit))

    def _run(self, sql: str, parameters: Sequence[object], fetch: Callable[[sqlite3.Cursor], _T]) -> _T:
        with translated(), self._lend() as connection:
            deadline = time.monotonic() + self._time_limit_seconds
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS_BETWEEN_CHECKS)
            try:
                with closing(connection.execute(sql, parameters)) as cursor:
                    return fetch(cursor)
            except sqlite3.OperationalError as error:
                if str(error) != "interrupted":
                    raise
                raise Unavailable(self._too_slow(), retry_after_seconds=RETRY_AFTER_SECONDS) from None

    def first(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """Return the first row, or None."""
        rows = self.all(sql, parameters)
        return rows[0] if rows else None

    def close(self) -> None:
        """Close the idle connections; one that is lent out is closed when it comes back. Idempotent."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _lend(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._closed:
                raise Unavailable("The server is stopping; try again.", retry_after_seconds=RETRY_AFTER_SECONDS)
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._open()
        try:
            yield connection
        finally:
            self._take_back(connection)

    def _open(self) -> sqlite3.Connection:
        connection = open_connection(self._path, read_only=True)
        register_functions(connection)
        return connection

    def _take_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _too_slow(self) -> str:
        return (
            f"The query took longer than the limit of {self._time_limit_seconds:g} s and was stopped; "
            "narrow the filter, or ask for a shorter time."
        )


def _page(cursor: sqlite3.Cursor, limit: int) -> tuple[list[Any], bool]:
    rows: list[Any] = []
    size_bytes = 0
    for row in cursor:
        if len(rows) == limit or size_bytes > _PAGE_BYTES:
            return rows, True
        rows.append(row)
        size_bytes += len(row[0])
    return rows, False
