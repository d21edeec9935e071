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
        self._is_urgent = False
        self._was_nudged = False
        self.is_attended = False
        """Whether the background thread looks soon by itself."""

    def ring(self) -> None:
        """Wake the background thread, to work at once; never waits."""
        self._is_urgent = True
        self._call()

    def nudge(self, *, urgent: bool = False) -> None:
        """Say that there is work, which need not be done at once, or only where nobody looks soon.

        Waking a thread gives up the interpreter's lock, and with it the caller's turn: while batch after batch fills,
        the background thread comes by itself, and is not woken for each.
        """
        self._was_nudged = True
        if not self.is_attended:
            self._is_urgent |= urgent
            self._call()

    def take_urgency(self) -> bool:
        """Tell whether somebody wanted work to be done at once since this was last asked."""
        is_urgent, self._is_urgent = self._is_urgent, False
        return is_urgent

    def take_nudge(self) -> bool:
        """Tell whether there was a nudge since this was last asked."""
        was_nudged, self._was_nudged = self._was_nudged, False
        return was_nudged

    def connect(self, wake: Callable[[], None]) -> None:
        """Have this called at each ring from now on, and at once if it was rung before."""
        self._wake = wake
        if self._was_rung:
            wake()

    def _call(self) -> None:
        self._was_rung = True
        wake = self._wake
        if wake is not None:
            wake()
