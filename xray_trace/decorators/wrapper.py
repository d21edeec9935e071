"""The decorated callable: wrapt's transparent proxy, which here also pickles and copies."""

import copy
import sys
from typing import Any, Protocol

import wrapt

from xray_trace.decorators.activity import Activity
from xray_trace.decorators.calls import caller_for

__all__ = ["Decorate", "Recorded"]


class Decorate(Protocol):
    """Makes the decorated callable again, in another process or as a copy; it must pickle."""

    def __call__(self, target: Any) -> Any:
        """Decorate the target."""


class BoundRecorded(wrapt.BoundFunctionWrapper):  # type: ignore[misc]
    """A decorated method, bound to its object or class."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as Python pickles a bound method: the object and the method's name."""
        wrapped = self.__wrapped__
        owner = getattr(wrapped, "__self__", None)
        if owner is None:  # a static method, which is known by the qualified name of its class
            owner = _lookup(wrapped.__module__, wrapped.__qualname__.rpartition(".")[0])
        return getattr, (owner, wrapped.__name__)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Copy as Python copies a bound method: bound to a copy of its object."""
        owner = getattr(self.__wrapped__, "__self__", None)
        return self if owner is None else getattr(copy.deepcopy(owner, memo), self.__wrapped__.__name__)

    def __copy__(self) -> Any:
        """Return the same: a method does not change."""
        return self


class Recorded(wrapt.FunctionWrapper):  # type: ignore[misc]
    """A callable whose calls are recorded, and which is otherwise as it was."""

    __bound_function_wrapper__ = BoundRecorded

    def __init__(self, wrapped: Any, activity: Activity, decorate: Decorate) -> None:
        function = getattr(wrapped, "__func__", wrapped)
        super().__init__(wrapped, caller_for(function, activity))
        self._self_decorate = decorate

    @property  # type: ignore[misc]  # nobody assigns a function's class
    def __class__(self) -> Any:
        """Pass for what is wrapped, except to cloudpickle, which would then take the function out of its wrapper."""
        return type(self) if _is_cloudpickle(sys._getframe(1).f_globals) else self.__wrapped__.__class__

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle by name, as functions do; by value for cloudpickle, which does so with what cannot be imported."""
        name = getattr(self.__wrapped__, "__qualname__", None)
        module = getattr(self.__wrapped__, "__module__", None)
        importable = name is not None and _lookup(module, name) is self
        if importable and not (module == "__main__" and _is_cloudpickle(sys._getframe(1).f_globals)):
            return name
        return self._self_decorate, (self.__wrapped__,)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Copy a callable object with its state; a function is its own copy."""
        duplicate = copy.deepcopy(self.__wrapped__, memo)
        return self if duplicate is self.__wrapped__ else self._self_decorate(duplicate)

    def __copy__(self) -> Any:
        """Copy a callable object; a function is its own copy."""
        duplicate = copy.copy(self.__wrapped__)
        return self if duplicate is self.__wrapped__ else self._self_decorate(duplicate)


def _lookup(module: str | None, qualified_name: str) -> Any:
    found: Any = sys.modules.get(module or "")
    for part in qualified_name.split("."):
        # A decorated static method shows itself through its class only bound; the class's own dict holds it as is.
        found = vars(found).get(part) if isinstance(found, type) else getattr(found, part, None)
    return found


def _is_cloudpickle(caller_globals: dict[str, Any]) -> bool:
    return str(caller_globals.get("__name__", "")).partition(".")[0] == "cloudpickle"
