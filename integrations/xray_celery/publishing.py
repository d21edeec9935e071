"""Publisher: a task's message on its way to the broker is a step."""

import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from xray_celery.chords import CHORD_UNLOCK, header_group, shared_group
from xray_celery.description import attach_arguments, describe
from xray_celery.frames import outward
from xray_celery.message_headers import HEADER_GROUP, continue_request, names_a_trace, write_headers
from xray_celery.options import Options, publishing_app
from xray_celery.received import Received
from xray_trace.instrumentation import Step, Trace, begin_handed_over, begin_step, current_scope, is_on, swallow

__all__ = ["NotPublished", "Publisher", "give_up_publish"]


class NotPublished(Exception):
    """The message was not handed to the broker; recorded, never raised."""


class _Publish:
    """What is being published in a context, which alone holds it: Celery does not tell of a publish that fails."""

    def __init__(
        self, headers: Mapping[str, Any] | None, step: Step | None, group_id: object, trace: Trace | None
    ) -> None:
        self.headers = headers
        self.group_id = group_id
        self.trace = trace
        """The one that began with the group."""
        self.around: _Publish | None = None
        """The one during which a receiver of the program's publishes this one, too."""
        self._step = step

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
    if last is not None and last.headers is not None and not _is_on_its_way(last.headers):
        last.end(NotPublished("the message was not handed to the broker"))
    return last


def _is_on_its_way(headers: Mapping[str, Any]) -> bool:
    """Tell whether Celery is at it still: then it is a receiver of the program's that publishes something else."""
    return any(
        frame.f_code.co_name == "send_task_message" and frame.f_locals.get("headers2") is headers
        for frame in outward(sys._getframe())
    )


class _Message:
    """What is to be published, whichever protocol says it."""

    __slots__ = ("args", "fields", "headers", "kwargs", "name", "publisher", "rest")

    def __init__(self, name: str, body: Any, headers: dict[str, Any], publisher: Any) -> None:
        self.name = name
        self.publisher = publisher
        self.headers = headers
        if isinstance(body, tuple):
            self.fields: Mapping[str, Any] = headers
            self.args, self.kwargs, self.rest = body
        else:  # protocol 1 says all in the body
            self.fields = self.rest = body
            self.args, self.kwargs = body.get("args"), body.get("kwargs")

    def group_id(self) -> object:
        return shared_group(self.name, self.fields, self.args, self.rest)


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
        try:
            last = give_up_publish()
            publisher = publishing_app()
            if not self._options.is_published_by_app(sender, publisher):
                return
            message = _Message(sender, body, headers, publisher)
            if sender in self._options.ignore:
                self._pass_on(message, last)
            else:
                self._begin(message, last, exchange=str(exchange or ""), routing_key=routing_key)
        except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
            swallow(error, "recording that a task is published")

    def after(self, headers: Mapping[str, Any], **_: object) -> None:
        """End it."""
        last = _last.get()
        if last is not None and last.headers is headers:
            try:
                last.end(None)
                if last.around is not None:
                    _last.set(last.around)
            except Exception as error:  # noqa: BLE001 - likewise
                swallow(error, "recording that a task was published")

    def _pass_on(self, message: _Message, last: _Publish | None) -> None:
        scope = current_scope()
        if scope is None and message.name == CHORD_UNLOCK:  # which is published before the tasks of its group
            group_id = message.group_id()
            scope = _group_trace(message.name, group_id, last)
            _last.set(_Publish(None, None, group_id, scope))
        write_headers(message.headers, scope)

    def _begin(self, message: _Message, last: _Publish | None, **route: object) -> None:
        name, headers, fields = message.name, message.headers, message.fields
        began, group_id = None, None
        scope = current_scope() or self._named_scope(message)
        if scope is None:
            group_id = message.group_id()
            scope = began = _group_trace(name, group_id, last)
        step = begin_step(f"publish {name}", parent=scope)
        published = _Publish(headers, step, group_id, began)
        if last is not None and last.headers is not None:
            published.around = last
        _last.set(published)
        header_group_id = header_group(fields.get("id"))
        if header_group_id is not None:
            headers[HEADER_GROUP] = header_group_id
        write_headers(headers, step)
        if step.is_recorded:
            step.described = {"celery": describe(fields, operation="publish", **route)}
            if self._options.capture_args:
                task = self._options.published_task(name, message.publisher)
                attach_arguments(step, task, message.args, message.kwargs)

    def _named_scope(self, message: _Message) -> Trace | None:
        """Return the trace that the message names, where it is published outside any."""
        if names_a_trace(message.headers):  # retried by the worker itself, or the caller's own headers
            return continue_request(message.headers, message.name)
        parent = self._received.fields(message.fields.get("parent_id"))
        if parent is not None:  # an errback of a task that the worker ends, as its process is no more
            return continue_request(parent, message.name)
        return None


def _group_trace(name: str, group_id: object, last: _Publish | None) -> Trace:
    """Return the trace that begins with a message, or began with one of the same group."""
    if group_id and last is not None and last.group_id == group_id and last.trace is not None:
        return last.trace
    return begin_handed_over(name, None if group_id is None else str(group_id))
