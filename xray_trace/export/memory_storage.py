"""MemoryStorage: for where there is no usable file system; what it keeps dies with the process."""

import io
import mmap
import threading
from collections.abc import Iterable
from typing import BinaryIO

from xray_trace.errors import FileGoneError, SpoolFullError
from xray_trace.export.journal import Journal
from xray_trace.export.spool_name import JOURNAL
from xray_trace.export.storage import StorageAdapter

__all__ = ["MemoryStorage"]


class MemoryStorage(StorageAdapter):
    """Keeps everything in memory, within the same limit as the disk."""

    def __init__(self, destination: str, limit_bytes: int) -> None:
        super().__init__(destination, limit_bytes)
        self._kept: dict[str, bytearray | int] = {}
        """What is kept, or for a journal, which lies in its own mapping, how much room it has."""
        self._used_bytes = 0
        self._lock = threading.RLock()

    def is_durable(self, name: str) -> bool:
        """Tell whether what lies under the name outlives the process."""
        return False

    @property
    def used_bytes(self) -> int:
        """How much this owner keeps."""
        return self._used_bytes

    def new_journal(self, capacity_bytes: int) -> Journal:
        """Make a journal in memory that no file stands behind."""
        with self._lock:
            self._make_room(capacity_bytes)
            name = self.new_name(JOURNAL)
            journal = Journal(name, mmap.mmap(-1, capacity_bytes))
            self._put(name, capacity_bytes)
        return journal

    def write(self, name: str, *chunks: bytes) -> None:
        """Keep the chunks, one after another, under the name; replaces what was there."""
        with self._lock:
            self._make_room(sum(map(len, chunks)))
            self._put(name, bytearray().join(chunks))

    def write_stream(self, name: str, chunks: Iterable[bytes]) -> None:
        """Keep chunks that are made as they are asked for; what is there so far counts at once."""
        content = bytearray()
        try:
            for chunk in chunks:
                with self._lock:
                    self._make_room(len(chunk))
                    content += chunk
                    self._used_bytes += len(chunk)
        finally:
            with self._lock:
                self._used_bytes -= len(content)
        with self._lock:
            self._put(name, content)

    def sync(self, name: str) -> None:
        """Do nothing: memory outlives nothing."""

    def patch(self, name: str, start: bytes) -> None:
        """Replace the first bytes of what lies under the name."""
        with self._lock:
            self._bytes(name)[: len(start)] = start

    def open(self, name: str) -> BinaryIO:
        """Open what lies under the name for reading."""
        with self._lock:
            return io.BytesIO(self._bytes(name))

    def size_bytes(self, name: str) -> int:
        """Return how many bytes lie under the name."""
        with self._lock:
            return len(self._bytes(name))

    def publish(self, old: str, new: str) -> bool:
        """Let it lie under the new name too, until the old one is removed; False where the new one is taken."""
        with self._lock:
            content = self._bytes(old)
            if new in self._kept:
                return False
            self._put(new, content)
            return True

    def remove(self, name: str) -> None:
        """Remove it; nothing happens where it is gone already."""
        with self._lock:
            self._used_bytes -= _weight(self._kept.pop(name, 0))

    def names(self) -> list[str]:
        """Return what this owner keeps, oldest first."""
        with self._lock:
            return list(self._kept)

    def holds(self, name: str) -> bool:
        """Tell whether something is kept under the name."""
        return name in self._kept

    def release(self) -> None:
        """Do nothing: nobody else can come to own this."""

    def forget_in_child(self) -> None:
        """Drop the child's copy of what the parent keeps."""
        self._lock = threading.RLock()
        self._kept = {}
        self._used_bytes = 0

    def _put(self, name: str, content: bytearray | int) -> None:
        self.remove(name)
        self._kept[name] = content
        self._used_bytes += _weight(content)

    def _bytes(self, name: str) -> bytearray:
        content = self._kept.get(name)
        if not isinstance(content, bytearray):
            raise FileGoneError(f"{name} is not in the memory spool")
        return content

    def _make_room(self, wanted_bytes: int) -> None:
        if self._used_bytes + wanted_bytes > self.limit_bytes:
            raise SpoolFullError(
                f"the spool in memory holds {self._used_bytes} of {self.limit_bytes} bytes; raise max_spool_bytes"
            )


def _weight(content: bytearray | int) -> int:
    return content if isinstance(content, int) else len(content)
