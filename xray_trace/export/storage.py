"""StorageAdapter: where records, batches and blobs lie until the server has them."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import BinaryIO

from xray_trace.export.journal import Journal
from xray_trace.export.spool_name import SpoolName
from xray_trace.ids import new_id

__all__ = ["StorageAdapter"]


class StorageAdapter(ABC):
    """Keeps named byte strings for one owner; names are relative, as `SpoolName` and `blob_name` make them.

    All methods may be called from any thread and from a signal handler, touch nothing but the local disk or
    memory, and raise SpoolError alone: SpoolFullError where the limit is reached, FileGoneError where a name is
    not there. What was written is whole: there is never half of it under its name.
    """

    def __init__(self, destination: str, limit_bytes: int) -> None:
        self.destination = destination
        self.owner = new_id()
        self.limit_bytes = limit_bytes
        self._next_sequence = itertools.count(1).__next__

    def new_name(self, suffix: str) -> str:
        """Return a name that nobody has used."""
        return str(SpoolName(self.destination, self.owner, self._next_sequence(), 0, suffix))

    def raise_limit(self, size: int) -> None:
        """Keep so much more from now on, or less."""
        self.limit_bytes += size

    @abstractmethod
    def is_durable(self, name: str) -> bool:
        """Tell whether what lies under the name outlives the process."""

    @property
    @abstractmethod
    def used_bytes(self) -> int:
        """How much this owner keeps."""

    @abstractmethod
    def new_journal(self, capacity_bytes: int) -> Journal:
        """Make a journal whose room is taken already, so that writing into it cannot fail for want of space."""

    @abstractmethod
    def write(self, name: str, *chunks: bytes) -> None:
        """Keep the chunks, one after another, under the name; replaces what was there."""

    @abstractmethod
    def write_stream(self, name: str, chunks: Iterable[bytes]) -> None:
        """Keep chunks that are made as they are asked for, as `write` does; the limit is watched as they come.

        What making a chunk raises comes out as it is, and nothing is kept.
        """

    @abstractmethod
    def sync(self, name: str) -> None:
        """Have it, and the values written before it, outlive the machine, where the settings ask for that.

        May wait for the disk: not for the threads of the program.
        """

    @abstractmethod
    def patch(self, name: str, start: bytes) -> None:
        """Replace the first bytes of what lies under the name."""

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """Open what lies under the name for reading."""

    @abstractmethod
    def size_bytes(self, name: str) -> int:
        """Return how many bytes lie under the name."""

    @abstractmethod
    def publish(self, old: str, new: str) -> bool:
        """Let it lie under the new name too, until the old one is removed; False where the new one is taken."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove it; nothing happens where it is gone already."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return what this owner keeps, oldest first."""

    @abstractmethod
    def release(self) -> None:
        """Give up ownership; what is kept on disk is free for the next process. May be repeated."""

    @abstractmethod
    def forget_in_child(self) -> None:
        """Let go, in a fork's child, of what is the parent's, without touching it."""

    def read(self, name: str) -> bytes:
        """Return what lies under the name."""
        with self.open(name) as file:
            return file.read()
