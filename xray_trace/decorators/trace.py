"""`trace`: as decorator with and without arguments, and as context manager."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar, overload

from msgspec.structs import replace

from xray_trace.context import get_scope, set_scope
from xray_trace.decorators.activity import TraceActivity
from xray_trace.decorators.blocks import Blocks
from xray_trace.decorators.options import TraceOptions
from xray_trace.decorators.targets import decorate
from xray_trace.default import get_recorder, is_off_for_good
from xray_trace.recorder.trace import NO_TRACE, Trace

__all__ = ["TraceSpec", "trace"]

T = TypeVar("T")


class TraceSpec:
    """What `trace(…)` returns: decorates a callable, or makes the block of a `with` a trace."""

    def __init__(self, options: TraceOptions) -> None:
        self._options = options
        self._blocks: Blocks[Trace] = Blocks()

    def __repr__(self) -> str:
        """Show the name that was given."""
        return f"<xray_trace.trace {self._options.name!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the options; open blocks are this process's."""
        return TraceSpec, (self._options,)

    def __call__(self, target: T) -> T:
        """Return the target with each call a trace; a class is changed in place and stays the same object."""
        if is_off_for_good():
            return target
        prefix = self._options.name if isinstance(target, type) else None

        def make_activity(function: Callable[..., Any], name: str) -> TraceActivity:
            options = self._options
            if prefix:
                options = replace(options, name=f"{prefix}.{name.rpartition('.')[2]}")
            return TraceActivity(options, name)

        decorated: T = decorate(target, make_activity, self)
        return decorated

    def __enter__(self) -> Trace:
        """Begin a trace that ends with the block."""
        former = get_scope()
        opened = self._open()
        self._blocks.push(opened, former)
        if opened is not NO_TRACE:
            set_scope(opened)
        return opened

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the trace as the block ended; an exception goes on."""
        opened, former = self._blocks.pop(get_scope())
        set_scope(former)
        opened.end(error)

    async def __aenter__(self) -> Trace:
        """Begin a trace that ends with the block."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the trace as the block ended; an exception goes on."""
        self.__exit__(kind, error, traceback)

    def _open(self) -> Trace:
        recorder = get_recorder()
        if recorder is None:
            return NO_TRACE
        options = self._options
        with recorder.core.guard.around("starting a trace"):
            return recorder.start_trace(options.name, options.metadata, sample_rate=options.sample_rate)
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
