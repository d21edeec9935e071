"""Whether there are descriptors left for the background."""

import contextlib
import socket

__all__ = ["try_descriptors"]

_PAIRS_NEEDED = 3  # of descriptors: the loop opens three, the bell has two


def try_descriptors() -> None:
    """Open as many as the event loop and the bell need; a loop that is half made when one is missing prints so.

    Raises OSError if the program has all in use.
    """
    with contextlib.ExitStack() as opened:
        for _ in range(_PAIRS_NEEDED):
            for end in socket.socketpair():
                opened.enter_context(end)
