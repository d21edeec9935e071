"""Runner: a task's run is a step, and what runs in it lies below."""

import sys
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from billiard import common
from celery.exceptions import Reject, Retry
from celery.states import FAILURE, IGNORED, REJECTED, RETRY, SUCCESS

from xray_celery.description import attach_arguments, describe
from xray_celery.message_headers import STEP_ID, continue_request, names_a_trace
from xray_celery.options import Options
from xray_celery.publishing import give_up_publish
from xray_celery.received import Received
from xray_celery.soft_limit import SoftLimit
from xray_trace.instrumentation import NO_STEP, Scope, Step, Trace, begin_step, get_scope, is_on, set_scope, swallow

__all__ = ["Runner"]

_GOES_ON = frozenset({RETRY, IGNORED, REJECTED})
"""States that tell neither of success nor of failure."""


class _Outcome(NamedTuple):
    """How a run ended."""

    state: str | None
    returned: object
    error: BaseException | None

    def describe(self, described: Mapping[str, object], runtime_seconds: float) -> dict[str, object]:
        """Return what was said of the run as it began, and how it ended."""
        whole = {**described, "state": self.state, "runtime": round(runtime_seconds, 6)}
        if self.state in _GOES_ON and isinstance(self.returned, BaseException):
            whole["reason"] = _text(self.returned)
        return whole

    def end(self, trace: Trace) -> None:
        """End the trace, unless a further run will."""
        if self.state not in _GOES_ON:
            trace.end(self.error)
        elif isinstance(self.returned, Reject) and not self.returned.requeue:
            trace.end(self.returned)


class _Run:
    """One run of a task."""

    def __init__(self, step: Step, trace: Trace | None, described: dict[str, object]) -> None:
        self.step = step
        self.trace = trace
        self.described = described
        self.former: Scope | None = get_scope()
        self.began_seconds = time.monotonic()
        self._around = sys.exc_info()[1]

    def outcome(self, state: str | None, returned: object) -> _Outcome:
        """Return how it ended; an error may have left the task by another way than Celery's, or after it had ended."""
        flying = sys.exc_info()[1]
        if flying is None or flying is self._around:
            error = returned if state == FAILURE and isinstance(returned, BaseException) else None
            return _Outcome(state, returned, error)
        if isinstance(flying, Retry):  # of an eager task whose errors go up to its caller
            return _Outcome(RETRY, flying, None)
        return _Outcome(FAILURE, returned, flying)


_runs: WeakKeyDictionary[Any, _Run] = WeakKeyDictionary()
"""What runs here by its request, whichever call of `install` it began under: a task may import what calls it again."""


class Runner:
    """Receives `task_prerun` and `task_postrun`, in the process that runs the task."""

    def __init__(self, options: Options, received: Received, soft_limit: SoftLimit) -> None:
        self._options = options
        self._received = received
        self._soft_limit = soft_limit

    def runs(self, request: Any) -> bool:
        """Tell whether this request runs here, and will tell of its end by itself."""
        return request in _runs

    def before(self, task: Any, args: Any, kwargs: Any, **_: object) -> None:
        """Begin the step, and make it the current one."""
        if not is_on() or not self._options.is_of_app(task.app):
            return
        try:
            self._soft_limit.watch()
            request = task.request
            run = self._begin(task.name, vars(request))
            _runs[request] = run
            set_scope(run.step if run.step is not NO_STEP else run.trace or run.former)
            if run.step.is_recorded and self._options.capture_args:
                attach_arguments(run.step, task, args, kwargs)
        except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
            swallow(error, "recording that a task runs")

    def after(self, task: Any, task_id: str, retval: object, state: str | None, **_: object) -> None:
        """End the step, and put the former scope back."""
        request = task.request
        run = _runs.pop(request, None)
        if run is None:
            return
        set_scope(run.former)
        try:
            give_up_publish()
            self._end(run, run.outcome(state, retval), acks_late=bool(task.acks_late))
            self._received.pop(task_id)
        except Exception as error:  # noqa: BLE001 - likewise
            swallow(error, "recording that a task has run")
        if not request.is_eager:
            self._soft_limit.forget()

    def _begin(self, name: str, fields: dict[str, Any]) -> _Run:
        is_eager = bool(fields.get("is_eager"))
        is_left_out = name in self._options.ignore
        begins_none = is_eager or (is_left_out and not names_a_trace(fields))
        trace = None if begins_none else continue_request(fields, name)
        if is_left_out:
            return _Run(NO_STEP, trace, {})
        step = begin_step(name, parent=trace, step_id=fields.get(STEP_ID))
        if not step.is_recorded:
            return _Run(step, trace, {})
        delivery = fields.get("delivery_info") or {}
        queue = delivery.get("routing_key")
        described = describe(fields, operation="run", queue=queue, redelivered=bool(delivery.get("redelivered")))
        if is_eager:
            described["eager"] = True
        step.described = {"celery": described}
        return _Run(step, trace, described)

    def _end(self, run: _Run, outcome: _Outcome, *, acks_late: bool) -> None:
        if isinstance(outcome.error, SystemExit) and _is_terminated() and not acks_late:
            return  # the parent knows why, and tells; of a task that will be delivered again it may tell nothing
        if run.step.is_recorded:
            if outcome.state == SUCCESS and self._options.capture_result:
                run.step.output(outcome.returned)
            run.step.described = {"celery": outcome.describe(run.described, time.monotonic() - run.began_seconds)}
        run.step.end(outcome.error)
        if run.trace is not None:
            outcome.end(run.trace)


def _is_terminated() -> bool:
    """Tell whether this process is one of a pool that was told to end, upon which it raises SystemExit."""
    fired = getattr(common, "terminate_handler_fired", None)
    return bool(fired() if fired is not None else common._should_have_exited[0])


def _text(reason: BaseException) -> str:
    try:
        return str(reason)
    except Exception:  # noqa: BLE001 - a broken __str__ is the user's, and is not ours to raise
        return type(reason).__name__
