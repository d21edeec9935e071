"""What a callable takes."""

import inspect
from collections.abc import Callable
from typing import Any

from xray_trace.capture.failure import pass_on_signal

__all__ = ["brings_its_object", "names_arguments_of", "signature_of"]

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return what the function itself takes, or anything where that cannot be found (some builtins tell nothing)."""
    try:
        return inspect.signature(function, follow_wrapped=False)
    except Exception as error:  # noqa: BLE001 - a callable object may answer with any error of its own
        pass_on_signal(error)
        kinds = inspect.Parameter
        return inspect.Signature([kinds("args", kinds.VAR_POSITIONAL), kinds("kwargs", kinds.VAR_KEYWORD)])


def names_arguments_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the callable whose parameters' names the inputs get: of a wrapper that takes anything, what it wraps."""
    parameters = signature_of(function).parameters.values()
    takes_anything = bool(parameters) and all(p.kind in _VARIADIC for p in parameters)
    return inspect.unwrap(function) if takes_anything and hasattr(function, "__wrapped__") else function


def brings_its_object(function: Callable[..., Any]) -> bool:
    """Tell whether it is bound already, as `client.send` is: then its signature has no place for the object."""
    try:
        return getattr(function, "__self__", None) is not None
    except Exception as error:  # noqa: BLE001 - as above
        pass_on_signal(error)
        return False
