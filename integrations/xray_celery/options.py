"""What is recorded, and what is left out."""

from dataclasses import dataclass
from typing import Any

from celery import _state

__all__ = ["Options"]


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

    def is_published_by_app(self, name: str) -> bool:
        """Tell whether a task of this name is the app's, or may be: the signal does not say who publishes."""
        if self.app is None or name in _registered(self.app) or self.app is _threads_app():
            return True
        return not _that_know(name)

    def published_task(self, name: str) -> Any:
        """Return the task of this name; None where no app knows it, or where it is unclear whose it is."""
        app = _threads_app() if self.app is None else self.app
        task = None if app is None else _registered(app).get(name)
        if task is not None or self.app is not None:
            return task
        apps = _that_know(name)
        return _registered(apps[0])[name] if len(apps) == 1 else None


def _that_know(name: str) -> list[Any]:
    return [app for app in list(_state._get_active_apps()) if name in _registered(app)]


def _threads_app() -> Any:
    """Return this thread's app: `current_app` would make one in a thread that has none."""
    return _state._tls.current_app or _state.default_app


def _registered(app: Any) -> Any:
    """Return the app's tasks by name, without finalizing an app that is still being made, which `tasks` would do."""
    return app._tasks
