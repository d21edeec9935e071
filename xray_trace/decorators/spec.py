"""What `step(…)` and `trace(…)` return has in common: it decorates a callable, or opens a block."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from xray_trace.decorators.activity import Activity
from xray_trace.decorators.blocks import Blocks, S
from xray_trace.decorators.targets import decorate
from xray_trace.default import is_off_for_good

__all__ = ["Spec"]

T = TypeVar("T")


class Spec(Blocks[S]):
    """Decorates a callable, or opens what a `with` block records; `name` is what the user called it."""

    def __init__(self, name: str | None) -> None:
        super().__init__()
        self._name = name

    def __call__(self, target: T) -> T:
        """Return the target with its calls recorded; a class is changed in place and stays the same object."""
        if is_off_for_good():
            return target
        is_class = isinstance(target, type)

        def make_activity(function: Callable[..., Any], default_name: str) -> Activity:
            if self._name and is_class:
                return self._activity(function, f"{self._name}.{default_name.rpartition('.')[2]}")
            return self._activity(function, self._name or default_name)

        decorated: T = decorate(target, make_activity, self)
        return decorated

    @abstractmethod
    def _activity(self, function: Callable[..., Any], name: str) -> Activity:
        """Return what each call of the function is made into."""
