"""Publisher: a task's message on its way to the broker is a step."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from celery import current_app, current_task

from xray_celery.description import attach_arguments, describe
from xray_celery.message_headers import HEADER_GROUP, continue_request, names_a_trace, write_headers
from xray_celery.options import Options, registered
from xray_celery.received import Received
from xray_trace.instrumentation import (
    Scope,
    Step,
    Trace,
    begin_handed_over,
    begin_step,
    current_scope,
    guarded,
    is_on,
)

__all__ = ["NotPublished", "Publisher", "give_up_publish"]


class NotPublished(Exception):
    """The message was not handed to the broker; recorded, never raised."""


class _Publish:
    """What is being published in a context, which alone holds it: Celery does not tell of a publish that fails."""

    def __init__(self, headers: Mapping[str, Any], step: Step, group_id: object, trace: Trace | None) -> None:
        self.headers: Mapping[str, Any] | None = headers
        self.group_id = group_id
        self.trace = trace
        """The one that began with the group."""
        self._step: Step | None = step

    def end(self, error: BaseException | None) -> None:
        step, self._step, self.headers = self._step, None, None
        if step is not None:
            step.end(error)
            if error is not None and self.trace is not None:  # nobody else will end it
                self.trace.failure(error=str(error))

    def __del__(self) -> None:
        self.end(NotPublished("the message was not handed to the broker"))


_last: ContextVar[_Publish | None] = ContextVar("xray_celery_publish", default=None)


def give_up_publish() -> _Publish | None:
    """End a publish that was left by an exception; returns the last one of this context."""
    last = _last.get()
    if last is not None and last.headers is not None:
        last.end(NotPublished("the message was not handed to the broker"))
    return last


class Publisher:
    """Receives `before_task_publish` and `after_task_publish`."""

    def __init__(self, options: Options, received: Received) -> None:
        self._options = options
        self._received = received

    def before(
        self, sender: str, body: Any, headers: dict[str, Any], exchange: Any, routing_key: Any, **_: object
    ) -> None:
        """Begin the step, and have the message say so."""
        if not is_on():
            return
        with guarded("recording that a task is published"):
            last = give_up_publish()
            if not self._options.is_published_by_app(sender):
                return
            if sender in self._options.ignore:
                write_headers(headers, current_scope())
            else:
                self._begin(sender, body, headers, exchange, routing_key, last)

    def after(self, headers: Mapping[str, Any], **_: object) -> None:
        """End it."""
        last = _last.get()
        if last is not None and last.headers is headers:
            with guarded("recording that a task was published"):
                last.end(None)

    def _begin(
        self, name: str, body: Any, headers: dict[str, Any], exchange: Any, routing_key: Any, last: _Publish | None
    ) -> None:
        args, kwargs = body[:2] if isinstance(body, tuple) else (body.get("args"), body.get("kwargs"))
        fields = headers if "id" in headers else body  # protocol 1 says it there
        group_id = fields.get("group")
        scope, began = self._scope(name, headers, fields, last)
        step = begin_step(f"publish {name}", parent=scope)
        _last.set(_Publish(headers, step, group_id, began))
        _name_chord_header(headers, fields.get("id"))
        if step.is_recorded:
            more = {"exchange": str(exchange or ""), "routing_key": routing_key}
            step.described = {"celery": describe(fields, operation="publish", **more)}
            if self._options.capture_args:
                attach_arguments(step, registered(self._options.app or current_app).get(name), args, kwargs)
        write_headers(headers, step)

    def _scope(
        self, name: str, headers: dict[str, Any], fields: Mapping[str, Any], last: _Publish | None
    ) -> tuple[Scope | None, Trace | None]:
        """Return where the step lies, and the trace if it began with this message or one of the same group."""
        scope = current_scope()
        if scope is not None:
            return None, None
        if names_a_trace(headers):  # retried by the worker itself, or the caller's own headers
            return continue_request(headers, name), None
        parent = self._received.fields(fields.get("parent_id"))
        if parent is not None:  # an errback of a task that the worker ends, as its process is no more
            return continue_request(parent, name), None
        group_id = fields.get("group")
        if group_id and last is not None and last.group_id == group_id and last.trace is not None:
            return last.trace, last.trace
        trace = begin_handed_over(name, group_id)
        return trace, trace


def _name_chord_header(headers: dict[str, Any], task_id: object) -> None:
    """Write which group's results a chord's body is given: the task that publishes it is the group's last to end."""
    task = current_task._get_current_object()
    if task is None:
        return
    request = task.request
    chord = request.chord
    if chord and request.group and (chord.get("options") or {}).get("task_id") == task_id:
        headers[HEADER_GROUP] = request.group
