"""What is recorded, and what is left out."""

import inspect
import sys
from dataclasses import dataclass
from typing import Any

from celery import Celery, _state

from xray_celery.frames import outward

__all__ = ["Options", "publishing_app"]


@dataclass(frozen=True)
class Options:
    """The arguments of `install`."""

    app: Any = None
    """Where given, the one whose tasks are recorded."""
    capture_args: bool = True
    capture_result: bool = True
    ignore: frozenset[str] = frozenset()
    """Names of tasks without steps; the trace goes through them all the same."""

    def is_of_app(self, app: Any) -> bool:
        """Tell whether what this app does is of interest."""
        return self.app is None or app is self.app

    def is_published_by_app(self, name: str, publisher: Any) -> bool:
        """Tell whether a task of this name, which that app publishes, is the app's, or may be."""
        if self.app is None or publisher is self.app:
            return True
        theirs = None if publisher is None else _registered(publisher).get(name)
        ours = _registered(self.app).get(name)
        if ours is None:
            is_in_the_making = not self.app.finalized  # and does not know all its tasks yet
            return (is_in_the_making and self.app is _threads_app()) or not _that_know(name)
        return theirs is None or _code(theirs) is _code(ours)  # Celery shares most tasks with all apps of a program

    def published_task(self, name: str, publisher: Any) -> Any:
        """Return the task of this name; None where no app knows it, or where it is unclear whose it is."""
        apps = [app for app in (publisher, self.app) if app is not None and name in _registered(app)]
        if not apps and self.app is None and len(that_know := _that_know(name)) == 1:
            apps = that_know
        return _registered(apps[0])[name] if apps else None


def publishing_app() -> Any:
    """Return the app that publishes just now, which the signal does not say; None if it has a way of its own."""
    for frame in outward(sys._getframe()):
        if frame.f_code.co_name == "send_task" and isinstance(app := frame.f_locals.get("self"), Celery):
            return app
    return None


def _code(task: Any) -> Any:
    function = inspect.unwrap(task.run)
    return getattr(function, "__code__", function)


def _that_know(name: str) -> list[Any]:
    return [app for app in list(_state._get_active_apps()) if name in _registered(app)]


def _threads_app() -> Any:
    """Return this thread's app: `current_app` would make one in a thread that has none."""
    return _state._tls.current_app or _state.default_app


def _registered(app: Any) -> Any:
    """Return the app's tasks by name, without finalizing an app that is still being made, which `tasks` would do."""
    return app._tasks
