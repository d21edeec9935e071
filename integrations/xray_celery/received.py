"""Received: the requests that this worker has in hand."""

from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from xray_celery.message_headers import STEP_ID
from xray_celery.options import Options
from xray_trace.instrumentation import guarded, new_id

__all__ = ["Received"]

_requests: WeakValueDictionary[object, Any] = WeakValueDictionary()
"""By the task's id; whichever call of `install` they were received under."""


class Received:
    """Receives `task_received`: gives each delivery a step's id, for the worker and its child to tell of the same."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def receive(self, request: Any, **_: object) -> None:
        """Remember a request."""
        with guarded("receiving a task"):
            if self._options.is_of_app(request.app):
                request.request_dict[STEP_ID] = new_id()
                _requests[request.id] = request

    def fields(self, task_id: object) -> Mapping[str, Any] | None:
        """Return what is known of a request that has not ended."""
        request = _requests.get(task_id)
        return None if request is None else request.request_dict

    def pop(self, task_id: object) -> Any:
        """Return a request, or None, and forget it: its end is told."""
        return _requests.pop(task_id, None)

    def clear(self, **_: object) -> None:
        """Forget what is the parent's, in a new child process."""
        _requests.clear()
