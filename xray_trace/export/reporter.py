"""Reporter: log lines, written by the background thread alone."""

import re
import time
from collections import deque
from collections.abc import Callable

from xray_trace.context import OURS, get_scope, set_scope
from xray_trace.log import write_log

__all__ = ["Reporter"]

_SECONDS_BETWEEN_LINES = 60.0  # of one kind; what goes wrong once mostly goes wrong a thousand times
_WAITING_LINES = 100  # a burst of different lines tells no more than its last hundred
_KINDS = 200  # remembered; lines hold names, so their number has to be bounded
_VARYING = re.compile(r"[0-9a-f]{16,}|\d+")


class Reporter:
    """Takes lines from any thread, and writes those worth it when the background thread gets round to it.

    Writing to a log may block, may take locks of the program's, and may run handlers of the program's: none of
    that belongs into the thread that records.
    """

    def __init__(self, *, debug: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._debug = debug
        self._clock = clock
        self._waiting: deque[tuple[str, bool]] = deque(maxlen=_WAITING_LINES)
        self._next_at: dict[str, float] = {}

    def report(self, line: str) -> None:
        """Have the line written as a warning, unless one of its kind was less than a minute ago."""
        self._waiting.append((line, True))

    def trace(self, line: str) -> None:
        """Have the line written if the debug mode is on."""
        if self._debug:
            self._waiting.append((line, False))

    def write(self) -> None:
        """Write what waits; in the background thread."""
        while self._waiting:
            line, is_warning = self._waiting.popleft()
            if self._debug or self._is_due(line):
                _write_unrecorded(line, is_warning)

    def _is_due(self, line: str) -> bool:
        kind = _VARYING.sub("#", line)
        now = self._clock()
        if now < self._next_at.get(kind, 0.0):
            return False
        if len(self._next_at) >= _KINDS:
            self._next_at.clear()
        self._next_at[kind] = now + _SECONDS_BETWEEN_LINES
        return True


def _write_unrecorded(line: str, is_warning: bool) -> None:
    former = get_scope()
    set_scope(OURS)
    try:
        write_log(line, is_warning=is_warning)
    finally:
        set_scope(former)
