"""Recorder: where traces and steps begin."""

import os
from collections.abc import Mapping
from typing import TypeVar

from xray_trace.context import OURS, Scope, current_scope, get_scope
from xray_trace.headers import Caller, Span
from xray_trace.ids import is_valid_id, new_id, new_trace_id
from xray_trace.recorder.core import RecorderCore
from xray_trace.recorder.options import StepOptions
from xray_trace.recorder.step import Step
from xray_trace.recorder.trace import Trace, new_trace

__all__ = ["Recorder"]

S = TypeVar("S", bound=Step)


class Recorder:
    """Opens traces and steps for one tracer; raises nothing of its own."""

    def __init__(self, core: RecorderCore, *, project_id: str | None, sample_rate: float) -> None:
        self.core = core
        self._project_id = project_id
        self._sample_rate = sample_rate

    def start_trace(
        self,
        name: str | None,
        metadata: Mapping[str, object] | None = None,
        *,
        sample_rate: float | None = None,
        trace_id: str | None = None,
    ) -> Trace:
        """Begin a trace. One that is not sampled is a trace whose methods do nothing."""
        trace = self._new_trace(name, metadata, sample_rate, trace_id)
        if trace.core is not None:
            trace.opened = self.core.running.begin_trace(trace)
        return trace

    def _new_trace(
        self,
        name: str | None,
        metadata: Mapping[str, object] | None = None,
        sample_rate: float | None = None,
        trace_id: str | None = None,
    ) -> Trace:
        rate = self._sample_rate if sample_rate is None else sample_rate
        if trace_id is None or not is_valid_id(trace_id):
            trace_id = new_trace_id(self._project_id)
        is_recorded = _is_sampled(rate) and get_scope() is not OURS
        trace = new_trace(self.core if is_recorded else None, trace_id, name)
        if trace.core is not None:
            self.core.look_for_spans()
            try:
                trace.start(self.core, metadata or {})
            except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
                self.core.guard.swallow(error, "starting a trace")
        return trace

    def continue_trace(
        self, caller: Caller | Span | None, name: str | None, metadata: Mapping[str, object] | None
    ) -> Trace:
        """Go on with a caller's trace, which the caller ends; without one begin a trace, for the caller's W3C span."""
        if not isinstance(caller, Caller):
            return self.start_trace(name, metadata, trace_id=self._trace_id_of(caller))
        core = self.core if caller.is_sampled and get_scope() is not OURS else None
        trace = new_trace(core, caller.trace_id, name, caller.last_number)
        trace.caller_step_id = caller.step_id
        trace.is_continued, trace.is_handed_over = not caller.is_handed_over, caller.is_handed_over
        if core is not None:
            core.look_for_spans()
            if metadata:
                trace.annotate(**metadata)
        return trace

    def begin_handed_over(self, name: str, uuid: str | None) -> Trace:
        """Begin a trace that whoever continues it ends, and that is not known to be open here."""
        trace = self._new_trace(name, trace_id=None if uuid is None else self._in_project(uuid))
        trace.is_continued = trace.is_handed_over = True
        return trace

    def _trace_id_of(self, span: Span | None) -> str | None:
        if span is None:
            return None
        digits = span.trace_id
        return self._in_project("-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])))

    def _in_project(self, uuid: str) -> str:
        return f"{self._project_id}-{uuid}" if self._project_id else uuid

    def start_step(
        self, name: str, options: StepOptions, kind: type[S], parent: Scope | None = None, step_id: str | None = None
    ) -> S:
        """Begin a step below the parent, or the current step, or in the current trace; else in a trace of its own."""
        scope = parent or current_scope()
        parent_id, trace_is_own = None, False
        if type(scope) is Trace:  # `isinstance` asks a structure's metaclass, which takes three times as long
            trace, parent_id = scope, scope.caller_step_id
        elif isinstance(scope, Step):
            trace, parent_id = scope.trace, scope.step_id
        else:
            # not known to run by itself: it is as long open as its step
            trace, trace_is_own = self._new_trace(name), True
        step_id = step_id or new_id()
        if trace.core is None:
            return kind(None, trace, name, step_id, None, parent_id, trace_is_own, 0.0, 0.0, options)
        core = self.core
        number = trace.last_number = trace.next_number()
        at_seconds, began_seconds = core.wall_seconds(), core.monotonic_seconds()
        step = kind(core, trace, name, step_id, number, parent_id, trace_is_own, at_seconds, began_seconds, options)
        if core.has_spans:
            core.link_to_span(step)
        core.running.steps[step_id] = step  # last: the background may look at it from now on
        return step


def _is_sampled(rate: float) -> bool:
    """Decide by the system's entropy: the user's own random numbers must come out as without us."""
    if rate >= 1:
        return True
    return rate > 0 and int.from_bytes(os.urandom(7), "big") < rate * 2**56
