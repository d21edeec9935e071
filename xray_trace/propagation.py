"""`inject` and `continue_trace`: one trace over several processes."""

from collections.abc import Mapping, MutableMapping
from typing import Any, TypeVar

from xray_trace.context import Scope, current_scope
from xray_trace.decorators.blocks import Blocks
from xray_trace.default import get_recorder
from xray_trace.headers import Caller, Span, read_headers, write_headers
from xray_trace.recorder.spans import current_span
from xray_trace.recorder.step import Step
from xray_trace.recorder.trace import NO_TRACE, Trace

__all__ = ["ContinuedTrace", "continue_trace", "inject", "inject_scope"]

H = TypeVar("H", bound=MutableMapping[str, Any])


def inject(headers: H) -> H:
    """Write the current trace and step into the headers of a call to another service; returns the headers.

    Writes `xray-context` and W3C's `traceparent`; that of OpenTelemetry's current span where the program has one.
    Outside any trace nothing is written. Never raises; headers that cannot be written are left as they are.
    """
    return inject_scope(headers, current_scope())


def inject_scope(headers: H, scope: Scope | None) -> H:
    """Write this trace or step into the headers, whatever is current."""
    recorder = get_recorder()
    caller = None if recorder is None else _caller_of(scope)
    if recorder is None or caller is None:
        return headers
    span = None
    try:
        span = current_span()
    except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
        recorder.core.guard.swallow(error, "looking for a span of OpenTelemetry")
    try:
        write_headers(headers, caller, span)
    except Exception as error:  # noqa: BLE001 - likewise
        recorder.core.guard.swallow(error, "writing a trace's headers")
    return headers


def _caller_of(scope: Scope | None) -> Caller | None:
    step_id: str | None
    if isinstance(scope, Step):
        trace, step_id = scope.trace, scope.step_id
    elif isinstance(scope, Trace):
        trace, step_id = scope, scope.caller_step_id
    else:
        return None
    if not trace.trace_id:  # it stands in where nothing is recorded
        return None
    return Caller(trace.trace_id, step_id, trace.last_number, trace.core is not None, trace.is_handed_over)


class ContinuedTrace(Blocks[Trace]):
    """What `continue_trace(…)` returns: the block of a `with` goes on with the caller's trace."""

    def __init__(self, came: Caller | Span | None, name: str | None, metadata: Mapping[str, object] | None) -> None:
        super().__init__()
        self._came = came
        self._name = name
        self._metadata = metadata

    def __repr__(self) -> str:
        """Show the trace that came."""
        return f"<xray_trace.continue_trace {self._came.trace_id if self._came else 'nothing came'}>"

    def _open(self) -> Trace | None:
        recorder = get_recorder()
        if recorder is None:
            return None
        with recorder.core.guard.around("continuing a trace"):
            return recorder.continue_trace(self._came, self._name, self._metadata)
        return None

    def _nothing(self) -> Trace:
        return NO_TRACE


def continue_trace(
    headers: object, *, name: str | None = None, metadata: Mapping[str, object] | None = None
) -> ContinuedTrace:
    """Go on, in a `with` or `async with` block, with the trace that a caller put into the headers by `inject`.

    Steps in the block lie below the caller's step and are numbered on from it; the trace ends where it began. Where
    only W3C's `traceparent` came, the block is a trace of its own whose id ends in the caller's trace id, as a UUID:
    whoever continues that same id is in the same trace. Where nothing came, or nothing that makes sense, it is a trace
    like any other. `headers` is a mapping, or pairs of names and values, as text or bytes. Never raises.

    Whoever may send headers may write into your traces: continue only what comes from a caller that you trust.
    """
    return ContinuedTrace(
        _read(headers),
        name if isinstance(name, str) else None,
        metadata if isinstance(metadata, Mapping) else None,
    )


def _read(headers: object) -> Caller | Span | None:
    recorder = get_recorder()
    if recorder is not None:
        with recorder.core.guard.around("reading a trace's headers"):
            return read_headers(headers)
    return None
