"""Waiting for what the server does by itself."""

import time
from collections.abc import Callable

LONG_SECONDS = 90
LOOK_SECONDS = 0.005


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once it holds; it must within a time that only a server which does nothing takes."""
    deadline = time.monotonic() + LONG_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(LOOK_SECONDS)
