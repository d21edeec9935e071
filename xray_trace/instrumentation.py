"""What integrations are built of: steps that begin and end in different calls, with a parent that is said.

A framework that calls back ("this began", "that ended") has no block for a `with`. All this is guarded: nothing of it
raises, and where tracing is off it does nothing.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager

from xray_trace.capture.arguments import ArgumentBinder
from xray_trace.context import Scope, current_scope, get_scope, look_inside, set_scope
from xray_trace.default import get_recorder
from xray_trace.guard import Guard
from xray_trace.headers import CONTEXT, TRACEPARENT, read_headers
from xray_trace.ids import is_valid_id, new_id
from xray_trace.propagation import inject_scope
from xray_trace.recorder.events import clean_name
from xray_trace.recorder.options import StepOptions
from xray_trace.recorder.step import NO_STEP, Step
from xray_trace.recorder.trace import NO_TRACE, Trace
from xray_trace.recorder.unfinished import ProcessEnded

__all__ = [
    "CONTEXT",
    "NO_STEP",
    "TRACEPARENT",
    "ArgumentBinder",
    "ProcessEnded",
    "Scope",
    "Step",
    "Trace",
    "begin_handed_over",
    "begin_step",
    "continued",
    "current_scope",
    "get_scope",
    "guarded",
    "inject_scope",
    "is_on",
    "look_inside",
    "new_id",
    "set_scope",
    "swallow",
]

_OPTIONS = StepOptions()
_UNCOUNTED = Guard(lambda: None, lambda line: None)
"""The guard where tracing is off."""


def begin_step(
    name: str,
    *,
    parent: Scope | None = None,
    step_id: str | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Step:
    """Begin a step that the caller ends with `Step.end`; it does not become the current one.

    It lies below `parent`, a step or a trace; without one where any step would lie that begins now. `step_id` is for
    two processes that tell of the same step; whichever tells of its end first is believed. It may come from outside:
    one that the server would not take counts as none.
    """
    recorder = get_recorder()
    if recorder is None:
        return NO_STEP
    if step_id is not None and not is_valid_id(step_id):
        step_id = None
    try:
        step = recorder.start_step(clean_name(name), _OPTIONS, Step, parent, step_id)
    except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
        recorder.core.guard.swallow(error, "starting a step")
        return NO_STEP
    if metadata:
        step.add_metadata(metadata)
    return step


def is_on() -> bool:
    """Tell whether anything would be recorded."""
    return get_recorder() is not None


def continued(headers: object, *, name: str | None = None) -> Trace:
    """Return the trace that came in the headers, to be a parent or the current scope; see `continue_trace`.

    Whoever asked for it calls its `end`, which does nothing where the caller will end it.
    """
    recorder = get_recorder()
    if recorder is not None:
        try:
            return recorder.continue_trace(read_headers(headers), name, None)
        except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
            recorder.core.guard.swallow(error, "continuing a trace")
    return NO_TRACE


def begin_handed_over(name: str, uuid: str | None = None) -> Trace:
    """Begin a trace that whoever continues it ends, each in turn: of several ends the latest counts.

    It is not ended by this process's end either. With the same UUID it is the same trace.
    """
    recorder = get_recorder()
    if recorder is not None:
        try:
            return recorder.begin_handed_over(clean_name(name), uuid)
        except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
            recorder.core.guard.swallow(error, "starting a trace")
    return NO_TRACE


def guarded(doing: str) -> AbstractContextManager[object, bool]:
    """Swallow what an integration's own code raises, and count it; what a signal handler raised goes on.

    Around an integration's own work alone, never around the user's.
    """
    recorder = get_recorder()
    return (_UNCOUNTED if recorder is None else recorder.core.guard).around(doing)


def swallow(error: BaseException, doing: str) -> None:
    """Do what `guarded` does with an error, for an `except` in a place that is run often."""
    if not isinstance(error, Exception):
        raise error
    recorder = get_recorder()
    (_UNCOUNTED if recorder is None else recorder.core.guard).swallow(error, doing)
