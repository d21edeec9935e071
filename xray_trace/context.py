"""The current trace or step, and how it reaches another thread."""

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import msgspec

__all__ = ["OURS", "Scope", "carry", "current_scope", "get_scope", "look_inside", "set_scope"]

P = ParamSpec("P")
R = TypeVar("R")


class Scope(msgspec.Struct, eq=False, weakref=True):
    """What a step that starts now belongs to: a trace, or a step of it.

    A structure because one is made at each call, in half the time of a class with an `__init__`.
    """


OURS = Scope()
"""The scope in which our own lines are logged. What the program's log handlers do with them is not recorded: it
would make more lines, for ever. The rest of what runs in our threads is, such as `__del__` of the program's garbage."""

_scope: ContextVar[Scope | None] = ContextVar("xray_trace_scope", default=None)

get_scope = _scope.get
set_scope = _scope.set
_inner: Callable[[Scope | None], Scope | None] | None = None


def current_scope() -> Scope | None:
    """Return what a step that begins now belongs to."""
    scope = _scope.get()
    return scope if _inner is None or scope is OURS else _inner(scope)


def look_inside(inner: Callable[[Scope | None], Scope | None] | None) -> None:
    """Have this asked which scope is the current one, given the one that is set; None calls it off.

    For a framework that keeps by itself what runs where: it says when its own is the inner one. It must neither
    raise nor wait.
    """
    global _inner
    _inner = inner


# Whoever sets the scope puts the former one back by `set_scope(former)`, not by a token: a token is refused in
# another context, and a generator may be resumed in one.


def carry(function: Callable[P, R]) -> Callable[P, R]:
    """Bind a function to the current trace and step, for a thread or an executor that runs it later.

    Threads and executors start with an empty context; what is carried is our own scope alone, nothing of the
    user's context variables.
    """
    carried = current_scope()
    if inspect.iscoroutinefunction(function):
        return _carry_async(function, carried)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        former = get_scope()
        try:
            set_scope(carried)
            return function(*args, **kwargs)
        finally:
            set_scope(former)

    return run


def _carry_async(function: Callable[..., Any], carried: Scope | None) -> Callable[..., Any]:
    @functools.wraps(function)
    async def run(*args: Any, **kwargs: Any) -> Any:
        former = get_scope()
        try:
            set_scope(carried)
            return await function(*args, **kwargs)
        finally:
            set_scope(former)

    return run
