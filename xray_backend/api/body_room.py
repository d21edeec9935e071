"""How much of all requests' bodies is worked on at once: what is made of one is many times its size."""

import threading
import time

from xray_backend.errors import Unavailable

__all__ = ["BodyRoom"]

ROOM_BYTES = 8 * 1024 * 1024  # one of the largest and a few more; there is one interpreter, so more are not faster
SMALL_BYTES = 256 * 1024  # a usual batch has a third of it; as many as there are threads fit beside the room
WAIT_SECONDS = 10.0  # as long as for the database: within a client's usual 30 s


class BodyRoom:
    """Lets large bodies wait for each other; small ones pass."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken_bytes = 0

    def take(self, size_bytes: int) -> int:
        """Wait for room, and return how much is to be given back. Raises `Unavailable` if there is none in time."""
        if size_bytes <= SMALL_BYTES:
            return 0
        deadline = time.monotonic() + WAIT_SECONDS
        with self._changed:
            while self._taken_bytes and self._taken_bytes + size_bytes > ROOM_BYTES:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise Unavailable("The server has more to take in than it can now; try again.")
            self._taken_bytes += size_bytes
        return size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Let others have it."""
        with self._changed:
            self._taken_bytes -= size_bytes
            self._changed.notify_all()
