"""ddtrace: a span a call, with nothing captured."""

import functools
from contextlib import AbstractContextManager
from typing import Any

from ddtrace.trace import tracer

from recording.tools.tool import Function, Tool

__all__ = ["start"]


class Datadog(Tool):
    """Spans by `tracer.trace`, sent to an agent, which is the sink."""

    def record(self, function: Function) -> Function:
        """Open a span around each call."""
        name = function.__name__

        @functools.wraps(function)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            with tracer.trace(name):
                return function(*args, **kwargs)

        return recorded

    def record_async(self, function: Function) -> Function:
        """Open a span around each await."""
        name = function.__name__

        @functools.wraps(function)
        async def recorded(*args: Any, **kwargs: Any) -> Any:
            with tracer.trace(name):
                return await function(*args, **kwargs)

        return recorded

    def trace(self) -> AbstractContextManager[object]:
        """Begin a span that is the parent of the rest."""
        span: AbstractContextManager[object] = tracer.trace("burst")
        return span

    def drain(self) -> None:
        """Flush the writer."""
        tracer.flush()


def start() -> Tool:
    """Return the tool around ddtrace's one tracer."""
    return Datadog()
