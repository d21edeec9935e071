"""Bodies while they arrive: in memory as long as there is room for all of them, else in files."""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ArrivingBody", "ArrivingRoom"]

ALWAYS_BYTES = 32 * 1024  # a thousand bodies that arrive slowly hold 32 MiB
ROOM_BYTES = 8 * 1024 * 1024  # some eighty usual batches at once; a file costs each of them 0.3 ms


class ArrivingRoom:
    """What all bodies hold in memory beyond the beginning that each of them may. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken_bytes = 0

    @contextmanager
    def body(self, folder: str) -> Iterator["ArrivingBody"]:
        """Make place for one; the file that it may need, which has no name, is made in the folder."""
        with tempfile.SpooledTemporaryFile(dir=folder) as file:  # in memory until it is told otherwise
            body = ArrivingBody(self, file)
            try:
                yield body
            finally:
                body.leave()

    def take(self, size_bytes: int) -> bool:
        """Take some of the room, if there is so much."""
        with self._lock:
            if self._taken_bytes + size_bytes > ROOM_BYTES:
                return False
            self._taken_bytes += size_bytes
        return True

    def give_back(self, size_bytes: int) -> None:
        """Let others have it."""
        with self._lock:
            self._taken_bytes -= size_bytes


class ArrivingBody:
    """One body. Each method raises `OSError` if the disk does not take it."""

    def __init__(self, room: ArrivingRoom, file: "tempfile.SpooledTemporaryFile[bytes]") -> None:
        self._room = room
        self._file = file
        self._taken_bytes = 0
        self._is_in_memory = True
        self.size_bytes = 0

    def write(self, chunk: bytes) -> None:
        """Append some bytes."""
        self._file.write(chunk)
        self.size_bytes += len(chunk)
        wanted = self.size_bytes - ALWAYS_BYTES - self._taken_bytes
        if self._is_in_memory and wanted > 0:
            if self._room.take(wanted):
                self._taken_bytes += wanted
            else:
                self._is_in_memory = False
                self._file.rollover()
                self.leave()

    def read(self) -> bytes:
        """Return all of it."""
        self._file.seek(0)
        return self._file.read()

    def leave(self) -> None:
        """Give back what it holds of the room."""
        self._room.give_back(self._taken_bytes)
        self._taken_bytes = 0
