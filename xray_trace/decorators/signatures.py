"""What a callable takes."""

import inspect
from collections.abc import Callable
from typing import Any

from xray_trace.capture.failure import pass_on_signal

__all__ = ["named_signature_of", "signature_of"]

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return what the function itself takes, or anything where that cannot be found (some builtins tell nothing)."""
    try:
        return inspect.signature(function, follow_wrapped=False)
    except Exception as error:  # noqa: BLE001 - a callable object may answer with any error of its own
        pass_on_signal(error)
        kinds = inspect.Parameter
        return inspect.Signature([kinds("args", kinds.VAR_POSITIONAL), kinds("kwargs", kinds.VAR_KEYWORD)])


def named_signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature whose names the inputs get: of a wrapper that takes anything, that of what it wraps."""
    own = signature_of(function)
    takes_anything = bool(own.parameters) and all(p.kind in _VARIADIC for p in own.parameters.values())
    return signature_of(inspect.unwrap(function)) if takes_anything and hasattr(function, "__wrapped__") else own
