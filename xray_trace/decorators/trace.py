"""`trace`: as decorator with and without arguments, and as context manager."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

from xray_trace.decorators.spec import Spec
from xray_trace.decorators.trace_activity import TraceActivity
from xray_trace.default import get_recorder
from xray_trace.recorder.options import TraceOptions
from xray_trace.recorder.trace import NO_TRACE, Trace

__all__ = ["TraceSpec", "trace"]

T = TypeVar("T")


class TraceSpec(Spec[Trace]):
    """What `trace(…)` returns: decorates a callable, or makes the block of a `with` a trace."""

    def __init__(self, options: TraceOptions) -> None:
        super().__init__(options.name)
        self._options = options

    def __repr__(self) -> str:
        """Show the name that was given."""
        return f"<xray_trace.trace {self._options.name!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the options; open blocks are this process's."""
        return TraceSpec, (self._options,)

    def _activity(self, function: Callable[..., Any], name: str) -> TraceActivity:
        return TraceActivity(self._options, name)

    def _open(self) -> Trace | None:
        recorder = get_recorder()
        if recorder is None:
            return None
        options = self._options
        with recorder.core.guard.around("starting a trace"):
            return recorder.start_trace(options.name, options.metadata, sample_rate=options.sample_rate)
        return None

    def _nothing(self) -> Trace:
        return NO_TRACE


@overload
def trace(
    target: str | None = None,
    /,
    *,
    name: str | None = None,
    metadata: Mapping[str, object] | None = None,
    sample_rate: float | None = None,
) -> TraceSpec: ...


@overload
def trace(target: T, /) -> T: ...


def trace(
    target: Any = None,
    /,
    *,
    name: str | None = None,
    metadata: Mapping[str, object] | None = None,
    sample_rate: float | None = None,
) -> Any:
    """Make each call of a callable, or the block of a `with`, one trace.

    The trace ends well where the block or call ends, and as failed where an exception leaves it. `sample_rate` is
    the share of traces to record, from 0 to 1; without it the setting holds.
    """
    given = target if isinstance(target, str) else name
    options = TraceOptions(
        given if isinstance(given, str) else None,
        metadata if isinstance(metadata, Mapping) else None,
        sample_rate if isinstance(sample_rate, (int, float)) else None,
    )
    spec = TraceSpec(options)
    return spec if target is None or isinstance(target, str) else spec(target)
