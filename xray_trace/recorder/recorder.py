"""Recorder: where traces and steps begin."""

import os
from collections.abc import Mapping

from xray_trace.context import Scope, get_scope
from xray_trace.ids import is_valid_id, new_trace_id
from xray_trace.recorder.core import RecorderCore
from xray_trace.recorder.step import Step
from xray_trace.recorder.trace import Trace

__all__ = ["Recorder"]


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
        if trace.recorded:
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
        trace = Trace(self.core if _is_sampled(rate) else None, trace_id, name)
        if trace.recorded:
            with self.core.guard.around("starting a trace"):
                trace.start(self.core, metadata or {})
        return trace

    def start_step(self, name: str) -> Step:
        """Begin a step in the current trace, below the current step, or in a trace of its own."""
        scope: Scope | None = get_scope()
        if isinstance(scope, Step):
            return self._in(scope.trace, name, scope.step_id)
        if isinstance(scope, Trace):
            return self._in(scope, name, None)
        trace = self._new_trace(name)  # it is as long open as its step, which is known to run
        return self._in(trace, name, None, trace_is_own=True)

    def _in(self, trace: Trace, name: str, parent_id: str | None, *, trace_is_own: bool = False) -> Step:
        core = self.core if trace.recorded else None
        return Step(core, trace, name, parent_id, trace_is_own=trace_is_own)


def _is_sampled(rate: float) -> bool:
    """Decide by the system's entropy: the user's own random numbers must come out as without us."""
    if rate >= 1:
        return True
    return rate > 0 and int.from_bytes(os.urandom(7), "big") < rate * 2**56
