"""What is said of the step or trace that runs now, without having it in hand."""

from collections.abc import Mapping

from xray_trace.context import current_scope
from xray_trace.default import get_recorder
from xray_trace.events import Role
from xray_trace.ids import new_id
from xray_trace.recorder.step import Step
from xray_trace.recorder.trace import Trace

__all__ = ["annotate", "artifact", "current_step", "current_trace", "error"]


def current_trace() -> Trace | None:
    """Return the trace that a step would belong to if it began now."""
    scope = current_scope()
    if isinstance(scope, Step):
        return scope.trace
    return scope if isinstance(scope, Trace) else None


def current_step() -> Step | None:
    """Return the step that runs now."""
    scope = current_scope()
    return scope if isinstance(scope, Step) else None


def annotate(**metadata: object) -> None:
    """Add to the current step's metadata, or outside any step to the trace's."""
    scope = current_scope()
    if isinstance(scope, (Step, Trace)):
        scope.annotate(**metadata)


def artifact(
    data: object,
    key: str,
    type: Role | None = None,
    metadata: Mapping[str, object] | None = None,
) -> str:
    """Attach a value to the current step, or outside any step store it in the trace; returns its data id."""
    scope = current_scope()
    if isinstance(scope, Step):
        return scope.artifact(data, key, type, metadata)
    if isinstance(scope, Trace):
        return scope.data(data, key, metadata)
    return new_id()


def error(exception: BaseException, **metadata: object) -> None:
    """Record a `step-error` in the current trace; without one, in a trace of its own, which it ends as failed."""
    scope = current_scope()
    if isinstance(scope, Step):
        scope.trace.record_error(exception, "step-error", scope.name, metadata, scope.step_id)
    elif isinstance(scope, Trace):
        scope.record_error(exception, "step-error", None, metadata)
    elif (recorder := get_recorder()) is not None:
        trace = recorder.start_trace("error")
        trace.record_error(exception, "step-error", None, metadata)
        trace.end(exception)
