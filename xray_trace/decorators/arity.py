"""Whether arguments fit a function, told without calling it."""

from collections.abc import Callable
from inspect import Parameter
from typing import Any

from xray_trace.decorators.signatures import signature_of

__all__ = ["Arity"]


class Arity:
    """A coroutine function raises for wrong arguments when it is called, not when it is awaited.

    We call it when it is awaited, so that a coroutine that never starts leaves no second one behind; hence this
    check at the call. It may say no to arguments that fit (the call then goes unrecorded), never yes to others.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._known = False

    def fits(self, is_bound: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Tell whether the call would be accepted."""
        if not self._known:
            self._learn()
        given = len(args) + is_bound
        if given > len(self._positional) and not self._takes_more:
            return False
        if not kwargs:
            return self._required <= set(self._positional[:given])
        by_position = set(self._positional[:given])
        by_name = kwargs.keys() - self._positional_only
        if not self._takes_any_name and not kwargs.keys() <= self._named:
            return False
        return not (by_name & by_position) and self._required <= by_position | by_name

    def _learn(self) -> None:
        parameters = signature_of(self._function).parameters.values()
        positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
        self._positional = [p.name for p in parameters if p.kind in positional]
        self._positional_only = {p.name for p in parameters if p.kind is Parameter.POSITIONAL_ONLY}
        self._named = {
            p.name for p in parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
        }
        variadic = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        self._required = {p.name for p in parameters if p.default is Parameter.empty and p.kind not in variadic}
        self._takes_more = any(p.kind is Parameter.VAR_POSITIONAL for p in parameters)
        self._takes_any_name = any(p.kind is Parameter.VAR_KEYWORD for p in parameters)
        self._known = True
