"""How the server treats memory: what was freed goes back to the system, and cycles are seldom looked for."""

import ctypes
import gc
from contextlib import suppress
from typing import Final

__all__ = ["give_back_what_is_freed", "seldom_look_for_cycles"]

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


_OBJECTS_BETWEEN_LOOKS: Final = 50_000
"""A batch of a hundred events makes some thousand lists and dictionaries, none of them in a cycle, and the usual look
after every 700 goes through all that are in work. So many take less than 10 MiB."""


def seldom_look_for_cycles() -> None:
    """Leave alone what this process has made so far, and look through what it makes from now on less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)
