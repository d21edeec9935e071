"""What is recorded, and what is left out."""

from dataclasses import dataclass
from typing import Any

from celery import current_app

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
        """Tell whether a task of this name is the app's: the signal does not say who publishes."""
        return self.app is None or name in registered(self.app) or current_app._get_current_object() is self.app


def registered(app: Any) -> Any:
    """Return the app's tasks by name, without finalizing an app that is still being made, which `tasks` would do."""
    return app._tasks
