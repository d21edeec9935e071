"""The one thread that writes: calls that arrive together share a transaction, and so an fsync."""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from xray_backend.errors import Unavailable
from xray_backend.store.sqlite.connection import open_connection
from xray_backend.store.sqlite.failures import RETRY_AFTER_SECONDS, translated

__all__ = ["Writer"]

_T = TypeVar("_T")

_QUEUE_CALLS: Final = 128
"""More than the threads of any server process, so it fills only when the disk stands still."""

_GROUP_CALLS: Final = 64
"""Calls that share a commit; more would make the first of them wait without sparing much: an fsync is shared by 64."""

_WAIT_SECONDS: Final = 10.0
"""How long a caller waits for its commit: twice the wait for another process's lock, within a client's usual 30 s."""

_CLOSE_SECONDS: Final = 10.0
"""How long `close` waits for what was accepted; as long as its callers would."""


@dataclass(frozen=True)
class _Call:
    operation: Callable[[sqlite3.Connection], Any]
    done: "Future[Any]"


class Writer:
    """Runs operations in the order they come, each whole or not at all, and answers once they are on disk.

    The thread and its connection begin with the first call, so a program may fork before it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._calls: queue.Queue[_Call | None] = queue.Queue(_QUEUE_CALLS)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def run(self, operation: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run the operation in a transaction; when this returns, its changes outlive a power cut.

        Raises `Unavailable` if it cannot be done in time, and whatever the operation raises.
        """
        call = _Call(operation, Future())
        self._accept(call)
        try:
            result: _T = call.done.result(_WAIT_SECONDS)
        except FutureTimeoutError:
            call.done.cancel()
            raise Unavailable(
                "The database did not finish in time; try again.", retry_after_seconds=RETRY_AFTER_SECONDS
            ) from None
        return result

    def waiting(self) -> int:
        """Tell about how many calls wait for the next transaction."""
        return self._calls.qsize()

    def close(self) -> None:
        """Finish what was accepted, and end the thread. Idempotent."""
        with self._lock:
            already, self._closed = self._closed, True
            thread = self._thread
        if thread is None:
            return
        if not already:
            with suppress(queue.Full):  # the disk stands still, and the thread ends with the process
                self._calls.put(None, timeout=_CLOSE_SECONDS)
        thread.join(_CLOSE_SECONDS)

    def _accept(self, call: _Call) -> None:
        with self._lock:
            if self._closed:
                raise Unavailable("The server is stopping; try again.", retry_after_seconds=RETRY_AFTER_SECONDS)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="xray-store-writer", daemon=True)
                self._thread.start()
            try:
                self._calls.put_nowait(call)
            except queue.Full:
                raise Unavailable(
                    "The server has more to store than it can take now; try again.",
                    retry_after_seconds=RETRY_AFTER_SECONDS,
                ) from None

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        stopping = False
        while not stopping:
            group, stopping = self._next_group()
            try:
                with translated():
                    connection = connection or open_connection(self._path)
            except Exception as error:  # noqa: BLE001 - each caller gets it; the thread must live
                _fail(group, error)
                continue
            if not _commit_together(connection, group):
                connection.close()  # which undoes what was open; the next group starts afresh
                connection = None
        if connection is not None:
            connection.close()

    def _next_group(self) -> tuple[list[_Call], bool]:
        """Wait for a call, and take those that came meanwhile; true where nothing comes after them."""
        group: list[_Call] = []
        item = self._calls.get()
        while item is not None:
            if item.done.set_running_or_notify_cancel():
                group.append(item)
            if len(group) == _GROUP_CALLS:
                return group, False
            try:
                item = self._calls.get_nowait()
            except queue.Empty:
                return group, False
        return group, True


def _commit_together(connection: sqlite3.Connection, group: list[_Call]) -> bool:
    """Run the calls in one transaction, and answer them; false where the transaction as a whole failed."""
    try:
        answers = _run_together(connection, group)
    except Exception as error:  # noqa: BLE001 - each caller gets it; the thread must live
        _fail(group, error)
        return False
    for answer in answers:
        answer()
    return True


def _run_together(connection: sqlite3.Connection, group: list[_Call]) -> list[Callable[[], None]]:
    """Return what is to be told to each caller, now that it is on disk."""
    if not group:
        return []
    with translated():
        connection.execute("BEGIN IMMEDIATE")
        answers = [_run_one(connection, call) for call in group]
        connection.execute("COMMIT")
    return answers


def _run_one(connection: sqlite3.Connection, call: _Call) -> Callable[[], None]:
    """Run a call so that it can be undone alone: its failure is not the failure of the others."""
    connection.execute("SAVEPOINT call")
    try:
        with translated():
            outcome = call.operation(connection)
    except Exception as error:
        if not connection.in_transaction:
            raise  # SQLite gave up the whole transaction, so every call of the group has failed
        connection.execute("ROLLBACK TO call")
        connection.execute("RELEASE call")
        return partial(call.done.set_exception, error)
    connection.execute("RELEASE call")
    return partial(call.done.set_result, outcome)


def _fail(group: list[_Call], error: Exception) -> None:
    for call in group:
        call.done.set_exception(error)
