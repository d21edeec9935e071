"""xray-trace: each argument and the result captured."""

from contextlib import AbstractContextManager

import xray_trace
from recording.tools.tool import DRAIN_SECONDS, Function, Tool

__all__ = ["start"]


class Xray(Tool):
    """The decorator with its defaults."""

    def record(self, function: Function) -> Function:
        """Decorate it."""
        return xray_trace.step(function)

    def record_async(self, function: Function) -> Function:
        """Decorate it alike."""
        return xray_trace.step(function)

    def trace(self) -> AbstractContextManager[object]:
        """Begin a trace."""
        return xray_trace.trace("burst")

    def drain(self) -> None:
        """Flush."""
        xray_trace.flush(DRAIN_SECONDS)


def start() -> Tool:
    """Return the tool; the first step makes its tracer."""
    return Xray()
