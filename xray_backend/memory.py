"""Memory that was freed goes back to the system: a burst of large requests does not make the server large for ever."""

import ctypes
from contextlib import suppress

__all__ = ["give_back_what_is_freed"]

_MMAP_THRESHOLD = -3  # glibc's name for the parameter
_ARENA_MAX = -8
LARGE_BYTES = 128 * 1024  # where glibc itself begins; set by hand, so that it does not raise it to 32 MiB
ARENAS = 2  # threads that hold the interpreter's lock have little use for more, and each keeps what was freed in it


def give_back_what_is_freed() -> None:
    """Tune the allocator of the C library for this process and its children; another library stays as it is."""
    with suppress(OSError, AttributeError):
        tune = ctypes.CDLL(None).mallopt
        tune(_MMAP_THRESHOLD, LARGE_BYTES)
        tune(_ARENA_MAX, ARENAS)
