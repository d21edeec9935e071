"""The decorated callable: wrapt's transparent proxy, which here also pickles and copies."""

import copy
import sys
import types
from typing import Any, Protocol

import wrapt

from xray_trace.decorators.activity import Activity
from xray_trace.decorators.calls import caller_for

__all__ = ["Decorate", "Recorded", "RecordedFunction"]


_CLASS_METHODS = frozenset({"__init_subclass__", "__class_getitem__"})


class Decorate(Protocol):
    """Makes the decorated callable again, in another process or as a copy; it must pickle."""

    def __call__(self, target: Any) -> Any:
        """Decorate the target."""


def _set_annotations(proxy: Any, annotations: Any) -> None:
    proxy.__wrapped__.__annotations__ = annotations


# Python gives a class empty annotations of its own as soon as it is asked for them, and wrapt asks whenever the
# attribute is set; from then on every decorated function would show these.
_ANNOTATIONS = property(lambda proxy: proxy.__wrapped__.__annotations__, _set_annotations)


class BoundRecorded(wrapt.BoundFunctionWrapper):  # type: ignore[misc]
    """A decorated method, bound to its object or class."""

    __annotations__ = _ANNOTATIONS

    def __new__(cls, function: Any, owner: Any, *rest: Any) -> Any:
        """Bind a function to an object where only these are given, as `weakref.WeakMethod` gives them."""
        return super().__new__(cls) if rest else types.MethodType(function, owner)

    def __repr__(self) -> str:
        """Show the method."""
        return repr(self.__wrapped__)

    @property
    def __func__(self) -> Any:
        """Return the function as the class holds it, so that its calls are recorded."""
        function = self.__wrapped__.__func__
        return self._self_parent if self._self_parent.__wrapped__ is function else function

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

    __annotations__ = _ANNOTATIONS
    __bound_function_wrapper__ = BoundRecorded

    def __init__(self, wrapped: Any, activity: Activity, decorate: Decorate) -> None:
        function = getattr(wrapped, "__func__", wrapped)
        super().__init__(wrapped, caller_for(function, activity))
        self._self_decorate = decorate

    def __repr__(self) -> str:
        """Show what is wrapped."""
        return repr(self.__wrapped__)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set the attribute on what is wrapped, `__wrapped__` too: `functools.wraps` may be applied above us."""
        if name == "__wrapped__":
            setattr(self.__wrapped__, name, value)
        else:
            super().__setattr__(name, value)

    def __set_name__(self, owner: type, name: str) -> None:
        """Become a class method where Python makes functions into one by their name alone."""
        if name in _CLASS_METHODS and isinstance(self.__wrapped__, types.FunctionType):
            setattr(owner, name, classmethod(self))
        else:
            super().__set_name__(owner, name)

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


class RecordedFunction(Recorded):
    """A plain function, called past wrapt's own dispatch.

    That asks at each call what the function is bound to, which takes as long as half of the recording; a plain
    function is bound to nothing, and a method comes here by way of `BoundRecorded`.
    """

    __annotations__ = _ANNOTATIONS

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the function and record it."""
        return self._self_wrapper(self.__wrapped__, None, args, kwargs)


def _lookup(module: str | None, qualified_name: str) -> Any:
    found: Any = sys.modules.get(module or "")
    for part in qualified_name.split("."):
        # A decorated static method shows itself through its class only bound; the class's own dict holds it as is.
        found = vars(found).get(part) if isinstance(found, type) else getattr(found, part, None)
    return found


def _is_cloudpickle(caller_globals: dict[str, Any]) -> bool:
    return str(caller_globals.get("__name__", "")).partition(".")[0] == "cloudpickle"
