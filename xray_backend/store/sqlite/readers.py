"""Connections that only read: one for each thread that reads at the same time."""

import heapq
import sqlite3
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from xray_backend.errors import Unavailable
from xray_backend.query.sql import register_functions
from xray_backend.store.sqlite.connection import open_connection
from xray_backend.store.sqlite.failures import RETRY_AFTER_SECONDS, translated

__all__ = ["Readers", "Snapshot", "within_a_page"]

Parameters: TypeAlias = Sequence[object] | Mapping[str, object]

_PAGE_BYTES: Final = 2 * 1024 * 1024
"""A page of documents ends here, so that all threads may read the largest at once: 1,000 steps can have 250 MiB."""

_INSTRUCTIONS_BETWEEN_CHECKS: Final = 10_000
"""SQLite's virtual machine does these in some milliseconds: often enough for a limit in seconds, seldom enough
that waiting for the interpreter's lock does not slow the query down."""


_CACHE_KIB: Final = 4 * 1024
_CACHE_KIB_OF_MANY: Final = 1024
_FEW_READERS: Final = 4
"""So many have a cache that holds the upper pages of the indexes; where more read at the same time, the rest rely on
the system's own, or sixteen would hold 64 MiB."""

_ROWS_AT_ONCE: Final = 5
"""Of documents that are read one after the other: 1.3 MB of the largest."""


def within_a_page(rows: Iterable[Any], limit: int) -> tuple[list[Any], bool]:
    """Return the first rows, and whether there are more; fewer where the documents, the first column, are large."""
    found: list[Any] = []
    size_bytes = 0
    for row in rows:
        if len(found) == limit or size_bytes > _PAGE_BYTES:
            return found, True
        found.append(row)
        size_bytes += len(row[0])
    return found, False


class Snapshot:
    """One view of the database for several statements, which have one time limit together."""

    def __init__(self, connection: sqlite3.Connection, time_limit_seconds: float) -> None:
        self._connection = connection
        self._time_limit_seconds = time_limit_seconds
        self._deadline = time.monotonic() + time_limit_seconds
        connection.set_progress_handler(self._is_over, _INSTRUCTIONS_BETWEEN_CHECKS)

    def all(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """Return all rows. Raises `Unavailable` if the time limit is over."""
        with self._failing_clearly():
            return self._connection.execute(sql, parameters).fetchall()

    def first(self, sql: str, parameters: Parameters = ()) -> Any:
        """Return the first row, or None."""
        rows = self.all(sql, parameters)
        return rows[0] if rows else None

    def each(self, sql: str, parameters: Parameters = ()) -> Generator[Any, None, None]:
        """Yield the rows, holding only some of them in memory. Raises `Unavailable` if the time limit is over."""
        with self._failing_clearly():
            cursor = self._connection.execute(sql, parameters)
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                yield from rows
                self.check_time()

    def check_time(self) -> None:
        """Return while there is time: work between statements asks now and then. Raises `Unavailable` if not."""
        if self._is_over():
            raise self._too_slow()

    @contextmanager
    def _failing_clearly(self) -> Iterator[None]:
        with translated():
            try:
                yield
            except sqlite3.OperationalError as error:
                if str(error) != "interrupted":
                    raise
                raise self._too_slow() from None

    def _is_over(self) -> bool:
        return time.monotonic() > self._deadline

    def _too_slow(self) -> Unavailable:
        return Unavailable(
            f"The query took longer than the limit of {self._time_limit_seconds:g} s and was stopped; "
            "narrow the filter, or ask for a shorter time.",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )


class Readers:
    """Lends out connections, the first that was opened first; one goes back to the shelf when its query is done."""

    def __init__(self, path: Path, time_limit_seconds: float) -> None:
        self._path = path
        self._time_limit_seconds = time_limit_seconds
        self._lock = threading.Lock()
        self._idle: list[tuple[int, sqlite3.Connection]] = []
        self._opened = 0
        self._closed = False

    def all(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """Return all rows. Raises `Unavailable` if it takes longer than the time limit."""
        with translated(), self._lend() as connection:
            return Snapshot(connection, self._time_limit_seconds).all(sql, parameters)

    def page(self, sql: str, parameters: Parameters, limit: int) -> tuple[list[Any], bool]:
        """Return so many rows, and whether there are more; fewer where the documents, the first column, are large.

        Raises as `all`.
        """
        with (
            translated(),
            self._lend() as connection,
            closing(Snapshot(connection, self._time_limit_seconds).each(sql, parameters)) as rows,
        ):
            return within_a_page(rows, limit)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Lend a view of the database that stays the same, whatever is written meanwhile."""
        with translated(), self._lend() as connection:
            connection.execute("BEGIN")
            try:
                yield Snapshot(connection, self._time_limit_seconds)
            finally:
                connection.set_progress_handler(None, 0)
                connection.execute("COMMIT")

    def first(self, sql: str, parameters: Parameters = ()) -> Any:
        """Return the first row, or None."""
        rows = self.all(sql, parameters)
        return rows[0] if rows else None

    def close(self) -> None:
        """Close the idle connections; one that is lent out is closed when it comes back. Idempotent."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    @contextmanager
    def _lend(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._closed:
                raise Unavailable("The server is stopping; try again.", retry_after_seconds=RETRY_AFTER_SECONDS)
            number, connection = heapq.heappop(self._idle) if self._idle else (self._opened, None)
            self._opened += connection is None
        connection = connection or self._open(_CACHE_KIB if number < _FEW_READERS else _CACHE_KIB_OF_MANY)
        try:
            yield connection
        finally:
            self._take_back(number, connection)

    def _open(self, cache_kib: int) -> sqlite3.Connection:
        connection = open_connection(self._path, read_only=True, cache_kib=cache_kib)
        register_functions(connection)
        return connection

    def _take_back(self, number: int, connection: sqlite3.Connection) -> None:
        connection.set_progress_handler(None, 0)  # a time limit that is over would interrupt whoever is next
        with self._lock:
            if not self._closed:
                heapq.heappush(self._idle, (number, connection))
                return
        connection.close()
