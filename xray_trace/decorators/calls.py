"""How a call runs while it is recorded, for each kind of callable.

All four keep one order: remember the scope, begin, make the new scope current, run the user's code, put the
former scope back. Our own work is guarded inside `Activity` and `Run`; here nothing catches what the user's code
raises except to look at it and raise it on.
"""

import inspect
import sys
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import partial
from typing import Any

from xray_trace.context import get_scope, set_scope
from xray_trace.decorators.activity import Activity, Run, Unrecorded
from xray_trace.decorators.arity import Arity

__all__ = ["caller_for"]

Caller = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""What wrapt calls: the wrapped callable, the instance it is bound to, and the arguments."""


def caller_for(function: Callable[..., Any], activity: Activity) -> Caller:
    """Choose how calls of this function run."""
    if _is_any(inspect.iscoroutinefunction, function):
        return _coroutine_caller(function, activity)
    if _is_any(inspect.isasyncgenfunction, function):
        return _generator_caller(activity, _drive_async_generator)
    if _is_any(inspect.isgeneratorfunction, function):
        code = getattr(function, "__code__", None)
        is_awaitable = code is not None and code.co_flags & inspect.CO_ITERABLE_COROUTINE  # `types.coroutine`
        return _generator_caller(activity, _drive_awaitable if is_awaitable else _drive_generator)
    return _plain_caller(activity)


def _is_any(is_kind: Callable[[Any], bool], function: Callable[..., Any]) -> bool:
    """Tell whether the function, or what a callable object runs when it is called, is of this kind."""
    return is_kind(function) or is_kind(getattr(type(function), "__call__", None))  # noqa: B004 - the method is wanted


def _plain_caller(activity: Activity) -> Caller:
    begin = activity.begin

    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        former = get_scope()
        try:
            run = begin(instance, args, kwargs)
            if run is None:
                return wrapped(*args, **kwargs)
            try:
                set_scope(run.scope)
                result = wrapped(*args, **kwargs)
            except BaseException as error:
                run.fail(error)
                raise
            run.succeed(result)
            return result
        finally:
            set_scope(former)

    return call


def _coroutine_caller(function: Callable[..., Any], activity: Activity) -> Caller:
    arity = Arity(function)

    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not activity.is_on() or not arity.fits(instance is not None, args, kwargs):
            return wrapped(*args, **kwargs)  # arguments that do not fit raise here, as without us
        coroutine = _drive_coroutine(activity, wrapped, instance, args, kwargs)
        return _named_after(coroutine, wrapped)

    return call


async def _drive_coroutine(
    activity: Activity, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    former = get_scope()
    try:
        run = activity.begin(instance, args, kwargs)
        if run is None:
            return await wrapped(*args, **kwargs)
        try:
            set_scope(run.scope)
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            run.fail(error)
            raise
        run.succeed(result)
        return result
    finally:
        set_scope(former)


def _generator_caller(activity: Activity, drive: Callable[..., Any]) -> Caller:
    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        generator = wrapped(*args, **kwargs)
        if not activity.is_on():
            return generator
        return _named_after(drive(generator, partial(activity.begin, instance, args, kwargs)), wrapped)

    return call


def _drive_generator(generator: Generator[Any, Any, Any], begin: Callable[[], Run | None]) -> Generator[Any, Any, Any]:
    """Run the user's generator with the step current, and its consumer with the consumer's own scope.

    Whatever the consumer throws, GeneratorExit among it, goes into the user's generator, and what comes out of
    that is ours too: so `throw` and `close` mean what they mean without us.
    """
    run = begin() or Unrecorded()
    resume: Callable[[], Any] = partial(next, generator)
    while True:
        try:
            given = [_within(run, resume)]
        except StopIteration as stop:
            run.end_generator(stop.value, None)
            return stop.value
        except BaseException as error:
            run.end_generator(None, None if isinstance(error, GeneratorExit) else error)
            raise
        run.take(given[0])
        try:
            resume = partial(generator.send, (yield given.pop()))  # popped: the item is the consumer's to free
        except BaseException as error:  # noqa: BLE001 - it goes on in the user's generator
            resume = partial(generator.throw, error)


@types.coroutine
def _drive_awaitable(generator: Generator[Any, Any, Any], begin: Callable[[], Run | None]) -> Generator[Any, Any, Any]:
    """Do the same for a generator that may be awaited."""
    return (yield from _drive_generator(generator, begin))


async def _drive_async_generator(
    generator: AsyncGenerator[Any, Any], begin: Callable[[], Run | None]
) -> AsyncGenerator[Any, Any]:
    """Do the same for an async generator, in the consumer's own task."""
    run = begin() or Unrecorded()
    resume: Callable[[], Awaitable[Any]] = partial(_first_item, generator)
    while True:
        try:
            given = [await _within_async(run, resume)]
        except StopAsyncIteration:
            run.end_generator(None, None)
            return
        except BaseException as error:
            run.end_generator(None, None if isinstance(error, GeneratorExit) else error)
            raise
        run.take(given[0])
        try:
            resume = partial(generator.asend, (yield given.pop()))
        except BaseException as error:  # noqa: BLE001 - it goes on in the user's generator
            resume = partial(generator.athrow, error)


def _first_item(generator: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """Ask for the first item without the event loop being told of the user's generator.

    The loop knows ours already, which closes the user's; at its end it would close both at once, and complain.
    """
    hooks = sys.get_asyncgen_hooks()
    try:
        sys.set_asyncgen_hooks(None, None)
        return generator.__anext__()
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _within(run: Run, resume: Callable[[], Any]) -> Any:
    former = get_scope()
    try:
        set_scope(run.scope)
        return resume()
    finally:
        set_scope(former)


async def _within_async(run: Run, resume: Callable[[], Awaitable[Any]]) -> Any:
    former = get_scope()
    try:
        set_scope(run.scope)
        return await resume()
    finally:
        set_scope(former)


def _named_after(running: Any, function: Any) -> Any:
    """Give a coroutine or generator the name that it has without us; tracebacks and warnings show it."""
    try:
        running.__name__ = function.__name__
        running.__qualname__ = function.__qualname__
    except (AttributeError, TypeError):  # a partial or a callable object has no name
        return running
    return running
