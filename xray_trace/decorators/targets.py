"""What can be decorated, and what it becomes."""

import functools
import types
from collections.abc import Callable
from typing import Any

from xray_trace.capture.failure import pass_on_signal
from xray_trace.decorators.activity import Activity
from xray_trace.decorators.wrapper import Decorate, Recorded, RecordedFunction

__all__ = ["decorate", "default_name"]

MakeActivity = Callable[[Callable[..., Any], str], Activity]
"""Makes the activity for a function and the name it has by default."""


def decorate(target: Any, make_activity: MakeActivity, again: Decorate) -> Any:
    """Return the target with its calls recorded; what cannot be called or changed comes back as it is."""
    try:
        return _decorate(target, make_activity, again)
    except Exception as error:  # noqa: BLE001 - a proxy that answers nothing yet, a class that refuses changes
        pass_on_signal(error)
        return target


def _decorate(target: Any, make_activity: MakeActivity, again: Decorate) -> Any:
    if isinstance(target, type):
        return _decorate_class(target, make_activity, again)
    if isinstance(target, property):
        wrap = functools.partial(_decorate_optional, make_activity=make_activity, again=again)
        return type(target)(wrap(target.fget), wrap(target.fset), wrap(target.fdel), target.__doc__)
    if isinstance(target, functools.cached_property):
        target.func = decorate(target.func, make_activity, again)
        return target
    if isinstance(target, (classmethod, staticmethod)):
        function = target.__func__
        return Recorded(target, make_activity(function, default_name(function)), again)
    if type(target) is types.FunctionType:
        return RecordedFunction(target, make_activity(target, default_name(target)), again)
    if callable(target):
        return Recorded(target, make_activity(target, default_name(target)), again)
    return target


def default_name(target: Any) -> str:
    """Return the name a step has where none is given: `function`, `Class.method`, or the class of an object."""
    while isinstance(target, (functools.partial, functools.partialmethod)):
        target = target.func
    name = getattr(target, "__qualname__", None)
    if not isinstance(name, str):
        name = type(target).__qualname__
    return name.rpartition("<locals>.")[2]


def _decorate_optional(function: Any, make_activity: MakeActivity, again: Decorate) -> Any:
    return None if function is None else decorate(function, make_activity, again)


def _decorate_class(target: type, make_activity: MakeActivity, again: Decorate) -> type:
    for name, member in list(vars(target).items()):
        is_method = isinstance(member, (classmethod, staticmethod)) or _is_function(member)
        if is_method and not name.startswith("_"):
            setattr(target, name, decorate(member, make_activity, again))
    return target


def _is_function(member: Any) -> bool:
    return callable(member) and hasattr(member, "__code__")
