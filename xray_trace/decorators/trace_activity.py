"""A callable each of whose calls is a trace."""

from typing import Any

from xray_trace.context import Scope
from xray_trace.decorators.activity import Run
from xray_trace.default import get_recorder
from xray_trace.recorder.options import TraceOptions
from xray_trace.recorder.trace import Trace

__all__ = ["TraceActivity"]


class TraceActivity:
    """Each call is a trace."""

    def __init__(self, options: TraceOptions, name: str) -> None:
        self.options = options
        self.name = name

    def is_on(self) -> bool:
        """Tell whether a call would be recorded."""
        return get_recorder() is not None

    def begin(self, instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run | None:
        """Begin a trace."""
        recorder = get_recorder()
        if recorder is None:
            return None
        try:
            options = self.options
            return TraceRun(recorder.start_trace(self.name, options.metadata, sample_rate=options.sample_rate))
        except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
            recorder.core.guard.swallow(error, f"starting the trace {self.name!r}")
            return None


class TraceRun:
    """One call of a trace."""

    __slots__ = ("scope", "trace")

    def __init__(self, trace: Trace) -> None:
        self.scope: Scope | None = trace
        self.trace = trace

    def succeed(self, result: object) -> None:
        """End the trace well."""
        self.trace.end(None)

    def fail(self, error: BaseException) -> None:
        """End the trace as failed."""
        self.trace.end(error)

    def take(self, item: object) -> None:
        """Let the item pass: a trace has no output of its own."""

    def end_generator(self, returned: object, error: BaseException | None) -> None:
        """End the trace as the generator ended."""
        self.trace.end(error)
