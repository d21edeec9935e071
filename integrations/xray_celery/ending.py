"""Ending: what the worker knows of runs whose process could not tell of their end, and of tasks that never ran."""

import time
from collections.abc import Mapping
from typing import Any

from celery.exceptions import Reject, TaskRevokedError, Terminated, TimeLimitExceeded, WorkerLostError
from celery.states import FAILURE, RETRY, REVOKED

from xray_celery.description import attach_arguments, describe
from xray_celery.message_headers import STEP_ID, continue_request, names_a_trace
from xray_celery.options import Options
from xray_celery.received import Received
from xray_celery.running import Runner
from xray_trace.instrumentation import begin_step, guarded, is_on

__all__ = ["Ending"]

_ENDED_BY_FORCE = (WorkerLostError, TimeLimitExceeded, Terminated)


class Ending:
    """Receives `task_failure`, `task_revoked`, `task_retry`, `task_unknown` and `task_rejected` in the worker."""

    def __init__(self, options: Options, received: Received, runner: Runner) -> None:
        self._options = options
        self._received = received
        self._runner = runner

    def fail(self, sender: Any, task_id: str, exception: Any, **_: object) -> None:
        """Record a run whose process was lost, or took longer than the hard time limit."""
        if isinstance(exception, Reject) or self._tells_by_itself(sender, sender.request):
            return
        with guarded("recording that a task failed"):
            request = self._received.pop(task_id)
            if request is not None:
                fields = dict(request.request_dict)
                if not isinstance(exception, _ENDED_BY_FORCE):  # the child has told of the run, and this came after it
                    fields.pop(STEP_ID, None)
                self._record(sender, fields, FAILURE, exception, request.time_start)

    def revoke(self, sender: Any, request: Any, terminated: bool, expired: bool, **_: object) -> None:
        """Record a run that was terminated, or that never began."""
        if self._tells_by_itself(sender, request):
            return
        with guarded("recording that a task was revoked"):
            known = self._received.pop(request.id)
            if known is None and terminated:
                return  # it told of its end by itself
            reason = "terminated" if terminated else "expired" if expired else "revoked"
            began_at = None if known is None else known.time_start
            self._record(sender, vars(request), REVOKED, TaskRevokedError(reason), began_at)

    def retry(self, sender: Any, request: Any, reason: Any = None, **_: object) -> None:
        """Record a run that the worker itself retries, or cancels as it shuts down."""
        if self._tells_by_itself(sender, request):
            return
        with guarded("recording that a task is retried"):
            known = self._received.pop(request.id)
            if known is not None:
                error = getattr(reason, "exc", None) or Terminated("cancelled by the worker")
                self._record(sender, vars(request), RETRY, error, known.time_start)

    def refuse(self, sender: Any, message: Any, exc: Any, **_: object) -> None:
        """Record a message that names no task of this worker, or makes no sense."""
        headers = message.headers or {}
        if not is_on() or not self._options.is_of_app(sender.app) or "task" not in headers:
            return
        with guarded("recording that a task was refused"):
            self._tell(headers, str(headers["task"]), {"state": FAILURE}, exc, None)

    def _tells_by_itself(self, task: Any, request: Any) -> bool:
        return not is_on() or not self._options.is_of_app(task.app) or self._runner.runs(request)

    def _record(
        self, task: Any, fields: Mapping[str, Any], state: str, error: BaseException, began_at: float | None
    ) -> None:
        outcome: dict[str, object] = {"state": state}
        if began_at is not None:
            outcome["runtime"] = round(time.time() - began_at, 6)
        self._tell(fields, task.name, outcome, error, task)

    def _tell(
        self, fields: Mapping[str, Any], name: str, outcome: dict[str, object], error: BaseException, task: Any
    ) -> None:
        is_left_out = name in self._options.ignore
        if is_left_out and not names_a_trace(fields):
            return
        trace = continue_request(fields, name)
        if not is_left_out:
            queue = (fields.get("delivery_info") or {}).get("routing_key")
            metadata = {"celery": describe(fields, operation="run", queue=queue, **outcome)}
            step = begin_step(name, parent=trace, step_id=fields.get(STEP_ID), metadata=metadata)
            if step.is_recorded and self._options.capture_args and task is not None:
                attach_arguments(step, task, fields.get("args"), fields.get("kwargs"))
            step.end(error)
        if outcome["state"] != RETRY:
            trace.end(error)
