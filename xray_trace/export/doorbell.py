"""Doorbell: wakes the background thread from any other, a signal handler included."""

from collections.abc import Callable

__all__ = ["Doorbell"]


class Doorbell:
    """Rung before there is anybody to hear it, it is heard once there is.

    It knows nothing of event loops, so that the threads which record need not import them.
    """

    def __init__(self) -> None:
        self._wake: Callable[[], None] | None = None
        self._was_rung = False

    def ring(self) -> None:
        """Wake the background thread; never waits."""
        self._was_rung = True
        wake = self._wake
        if wake is not None:
            wake()

    def connect(self, wake: Callable[[], None]) -> None:
        """Have this called at each ring from now on, and at once if it was rung before."""
        self._wake = wake
        if self._was_rung:
            wake()
