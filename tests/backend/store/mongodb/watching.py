"""Sees each command that a thread sends to MongoDB, before it is sent."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pymongo import monitoring

__all__ = ["WRITES", "seen_by"]

WRITES = frozenset({"insert", "update", "delete", "findAndModify", "bulkWrite"})

Seen = Callable[[str, str], None]
"""What is told of a command: its name, and the collection."""

_current = threading.local()


class _Watcher(monitoring.CommandListener):
    def started(self, event: monitoring.CommandStartedEvent) -> None:
        seen: Seen | None = getattr(_current, "seen", None)
        if seen is not None:
            seen(event.command_name, str(event.command[event.command_name]))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


monitoring.register(_Watcher())  # of all clients that are made from here on; a client tells it in the caller's thread


@contextmanager
def seen_by(seen: Seen | None) -> Iterator[None]:
    """Have each command of this thread told before it is sent; or none of them."""
    before = getattr(_current, "seen", None)
    _current.seen = seen
    try:
        yield
    finally:
        _current.seen = before
