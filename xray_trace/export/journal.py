"""Journal: the open file into which any thread writes its records without a lock."""

import itertools
import mmap
from collections.abc import Callable, Iterator

from xray_trace.errors import FileGoneError
from xray_trace.export.frames import unframe

__all__ = ["Journal", "SealedJournal"]

_ZEROS = bytes(64 * 1024)  # in one go: some 60 µs for which no other thread runs


class Journal:
    """A mapping of fixed size that is filled from the front, and sealed once.

    `write` is the mapping's own method: one call into C with the interpreter locked, so that no other thread and
    no signal handler comes between the check for room, the copy and the new position. What it copied is in the
    page cache when it returns, and outlives the process. It raises ValueError where the frame does not fit, which
    after sealing is always. The mapping is never closed: whoever still holds it meets that ValueError, not freed
    memory, and the last reference frees it.
    """

    __slots__ = ("_mapping", "capacity_bytes", "count_one", "name", "write")

    def __init__(self, name: str, mapping: mmap.mmap) -> None:
        self.name = name
        self.capacity_bytes = len(mapping)
        self.write = mapping.write
        self.count_one = itertools.count(1).__next__
        """Returns how many records were counted, this one included; advancing it is one step as well."""
        self._mapping = mapping

    def touch(self) -> None:
        """Write zeros to all of it, before anybody else has it.

        The first write to each page of a file costs a microsecond a kilobyte, for which a caller would wait.
        """
        for _ in range(0, self.capacity_bytes, len(_ZEROS)):
            self._mapping.write(_ZEROS[: self.capacity_bytes - self._mapping.tell()])
        self._mapping.seek(0)

    def is_empty(self) -> bool:
        """Tell whether nothing was written; a sealed journal is never empty."""
        return self._mapping.tell() == 0

    def is_sealed(self) -> bool:
        """Tell whether nothing more can be written."""
        return self._mapping.tell() == self.capacity_bytes

    def seal(self) -> None:
        """Let nothing more in; may be repeated. In a fork's child it stops that process's writes, not the parent's."""
        self._mapping.seek(self.capacity_bytes)

    def payloads(self) -> Iterator[bytes | None]:
        """Yield the records of this sealed journal, None for one that is damaged."""
        return unframe(self._mapping[:], damaged=False)


class SealedJournal:
    """A full journal that waits on disk, and no longer in memory: in a burst many of them do."""

    __slots__ = ("_count_one", "_read", "name")

    def __init__(self, journal: Journal, read: Callable[[str], bytes]) -> None:
        self.name = journal.name
        self._count_one = journal.count_one
        self._read = read

    def seal(self) -> None:
        """Do nothing: it is sealed."""

    def payloads(self) -> Iterator[bytes | None]:
        """Yield the records, None for one that is damaged; all are, if somebody removed the file.

        Raises SpoolError if it cannot be read for now.
        """
        try:
            content = self._read(self.name)
        except FileGoneError:
            return iter([None] * (self._count_one() - 1))
        return unframe(content, damaged=False)
