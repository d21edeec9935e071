"""xray-trace, turned off after the decoration."""

import asyncio
from contextlib import AbstractContextManager, nullcontext

import xray_trace
from recording.tools.tool import Function, Tool

__all__ = ["start"]


class XrayOff(Tool):
    """The decorator of a program that has recorded, and was told to stop."""

    def record(self, function: Function) -> Function:
        """Decorate it, record a call, and turn tracing off."""
        recorded = xray_trace.step(function)
        recorded()
        xray_trace.configure(enabled=False)
        return recorded

    def record_async(self, function: Function) -> Function:
        """Decorate it alike."""
        recorded = xray_trace.step(function)
        asyncio.run(recorded())
        xray_trace.configure(enabled=False)
        return recorded

    def trace(self) -> AbstractContextManager[object]:
        """Return nothing to run in."""
        return nullcontext()

    def drain(self) -> None:
        """Send nothing."""


def start() -> Tool:
    """Return the tool; the first step makes its tracer."""
    return XrayOff()
