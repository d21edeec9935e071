"""FallbackStorage: the disk as long as it takes what is written, memory when it does not."""

from collections.abc import Callable, Iterable
from typing import BinaryIO, TypeVar

from xray_trace.errors import SpoolError, SpoolFullError
from xray_trace.export.journal import Journal
from xray_trace.export.memory_storage import MemoryStorage
from xray_trace.export.storage import StorageAdapter

__all__ = ["FallbackStorage"]

Result = TypeVar("Result")


class FallbackStorage(StorageAdapter):
    """Tries the first storage each time, so that it comes back by itself when the disk does.

    What the settings' limit refuses is not tried elsewhere: the limit is the user's wish, not a failure.
    """

    def __init__(self, first: StorageAdapter, second: MemoryStorage, report: Callable[[str], None]) -> None:
        super().__init__(first.destination, first.limit_bytes)
        self.owner = first.owner
        self._first = first
        self._second = second
        self._report = report

    def raise_limit(self, size: int) -> None:
        """Keep so much more on disk from now on, or less."""
        super().raise_limit(size)
        self._first.raise_limit(size)

    def is_durable(self, name: str) -> bool:
        """Tell whether what lies under the name outlives the process."""
        return self._holder(name).is_durable(name)

    @property
    def used_bytes(self) -> int:
        """How much this owner keeps."""
        return self._first.used_bytes + self._second.used_bytes

    def new_name(self, suffix: str) -> str:
        """Return a name that nobody has used."""
        return self._first.new_name(suffix)

    def new_journal(self, capacity_bytes: int) -> Journal:
        """Make a journal, in memory if the disk has no room for it."""
        return self._try_both(lambda storage: storage.new_journal(capacity_bytes))

    def write(self, name: str, *chunks: bytes) -> None:
        """Keep the chunks, in memory if the disk does not take them."""
        self._try_both(lambda storage: storage.write(name, *chunks))

    def write_stream(self, name: str, chunks: Iterable[bytes]) -> None:
        """Keep the chunks on disk or not at all: they come once, and memory is no place for what is so large."""
        self._first.write_stream(name, chunks)

    def sync(self, name: str) -> None:
        """Have it outlive the machine where it is on disk and the settings ask for that."""
        self._holder(name).sync(name)

    def patch(self, name: str, start: bytes) -> None:
        """Replace the first bytes of what lies under the name."""
        self._holder(name).patch(name, start)

    def open(self, name: str) -> BinaryIO:
        """Open what lies under the name for reading."""
        return self._holder(name).open(name)

    def size_bytes(self, name: str) -> int:
        """Return how many bytes lie under the name."""
        return self._holder(name).size_bytes(name)

    def publish(self, old: str, new: str) -> bool:
        """Let it lie under the new name too, until the old one is removed; False where the new one is taken."""
        return self._holder(old).publish(old, new)

    def remove(self, name: str) -> None:
        """Remove it; nothing happens where it is gone already."""
        self._holder(name).remove(name)

    def names(self) -> list[str]:
        """Return what this owner keeps, oldest first on each side."""
        return self._first.names() + self._second.names()

    def release(self) -> None:
        """Give up ownership of what is on disk."""
        self._first.release()

    def forget_in_child(self) -> None:
        """Let go, in a fork's child, of what is the parent's."""
        self._first.forget_in_child()
        self._second.forget_in_child()

    def _holder(self, name: str) -> StorageAdapter:
        return self._second if self._second.holds(name) else self._first

    def _try_both(self, action: Callable[[StorageAdapter], Result]) -> Result:
        try:
            return action(self._first)
        except SpoolFullError:
            raise
        except SpoolError as error:
            self._report(f"{error}; what is recorded now is kept in memory until the disk takes it again")
            return action(self._second)
