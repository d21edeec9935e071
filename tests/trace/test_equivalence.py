"""The decorated callable behaves as the undecorated one."""

import asyncio
import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xray_trace as xray
from xray_trace.testing import MemoryTracer

pytestmark = pytest.mark.usefixtures("recorder")
PROPERTY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def plain(a: int, b: str = "x", /, c: float = 1.5, *rest: int, d: bool, e: bytes = b"e", **more: str) -> tuple:
    """Return what came."""
    return a, b, c, rest, d, e, more


async def coroutine(a: int, *, b: int = 2) -> tuple[int, int]:
    await asyncio.sleep(0)
    return a, b


def generator(n: int) -> Generator[Any, Any, Any]:
    got = []
    for i in range(n):
        try:
            got.append((yield i))
        except ValueError as error:
            got.append(str(error))
    return got


async def async_generator(n: int) -> AsyncGenerator[Any, Any]:
    got: list[Any] = []
    for i in range(n):
        try:
            got.append((yield (i, list(got))))
        except ValueError as error:
            got.append(str(error))
        await asyncio.sleep(0)


def stubborn() -> Generator[Any, Any, Any]:
    """Yield when it is told to close, twice."""
    for _ in range(2):
        try:
            yield 1
        except GeneratorExit:
            yield 2


def returns_on_close() -> Generator[Any, Any, Any]:
    try:
        yield 1
    except GeneratorExit:
        return "closed"


def raises_late() -> Generator[Any, Any, Any]:
    yield 1
    raise KeyError("late")


def raises_stop_iteration() -> Generator[Any, Any, Any]:
    yield 1
    raise StopIteration("inside")


def outcome(call: Callable[[], Any]) -> tuple[str, Any]:
    """Return what a call came to: its value, or its exception's type, arguments, cause and context."""
    try:
        return "value", call()
    except BaseException as error:
        return "error", (type(error), error.args, type(error.__cause__), type(error.__context__))


FUNCTIONS = [plain, coroutine, generator, async_generator, stubborn, returns_on_close]
arguments = st.lists(st.one_of(st.integers(), st.text(), st.none()), max_size=4)
keywords = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e", "f", "self"]), st.integers(), max_size=4)


@PROPERTY
@given(args=arguments, kwargs=keywords)
def test_a_function_returns_or_raises_the_same_for_all_arguments(args: list[Any], kwargs: dict[str, Any]) -> None:
    assert outcome(lambda: xray.step(plain)(*args, **kwargs)) == outcome(lambda: plain(*args, **kwargs))
    assert outcome(lambda: xray.trace(plain)(*args, **kwargs)) == outcome(lambda: plain(*args, **kwargs))


@PROPERTY
@given(args=arguments, kwargs=keywords)
def test_a_coroutine_function_raises_at_the_call_or_at_the_await_as_before(
    args: list[Any], kwargs: dict[str, Any]
) -> None:
    def run(function: Callable[..., Any]) -> Any:
        started = function(*args, **kwargs)
        return asyncio.run(started)

    def only_call(function: Callable[..., Any]) -> str:
        function(*args, **kwargs).close()
        return "called"

    assert outcome(lambda: run(xray.step(coroutine))) == outcome(lambda: run(coroutine))
    assert outcome(lambda: only_call(xray.step(coroutine))) == outcome(lambda: only_call(coroutine))


moves = st.lists(
    st.sampled_from(["next", "send", "throw ValueError", "throw KeyError", "throw StopIteration",
                     "throw GeneratorExit", "close"]), max_size=7,
)  # fmt: skip
errors = {"ValueError": ValueError, "KeyError": KeyError, "StopIteration": StopIteration,
          "GeneratorExit": GeneratorExit}  # fmt: skip


def play(made: Generator[Any, Any, Any], script: list[str]) -> list[Any]:
    def move(what: str, value: int) -> Any:
        if what == "next":
            return next(made)
        if what == "send":
            return made.send(value)
        if what == "close":
            return made.close()
        return made.throw(errors[what.split()[1]](value))

    until_closed = [*script, "close", "close", "close"]
    return [outcome(functools.partial(move, what, i)) for i, what in enumerate(until_closed)]


@PROPERTY
@given(script=moves)
@pytest.mark.parametrize(
    "function", [lambda: generator(3), stubborn, returns_on_close, raises_late, raises_stop_iteration]
)
def test_a_generator_answers_every_sequence_of_moves_the_same(function: Callable[..., Any], script: list[str]) -> None:
    decorated = xray.step(function if inspect.isgeneratorfunction(function) else _as_generator(function))
    assert play(decorated(), script) == play(function(), script)


def _as_generator(function: Callable[..., Any]) -> Callable[..., Any]:
    def delegate() -> Generator[Any, Any, Any]:
        return (yield from function())

    return delegate


@PROPERTY
@given(script=moves)
def test_an_async_generator_answers_every_sequence_of_moves_the_same(script: list[str]) -> None:
    async def play_async(made: AsyncGenerator[Any, Any]) -> list[Any]:
        seen = []
        for i, what in enumerate(script):
            try:
                if what == "next":
                    seen.append(("value", await anext(made)))
                elif what == "send":
                    seen.append(("value", await made.asend(i)))
                elif what == "close":
                    seen.append(("value", await made.aclose()))
                else:
                    seen.append(("value", await made.athrow(errors[what.split()[1]](i))))
            except BaseException as error:
                seen.append(("error", (type(error), error.args)))
        await made.aclose()
        return seen

    assert asyncio.run(play_async(xray.step(async_generator)(3))) == asyncio.run(play_async(async_generator(3)))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("decorator", [xray.step, xray.trace, xray.step("name"), xray.trace("name")])
def test_inspect_gives_the_same_answers(function: Callable[..., Any], decorator: Any) -> None:
    decorated = decorator(function)
    for ask in (
        inspect.signature, inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction,
        inspect.isfunction, inspect.getsource, inspect.getdoc, inspect.getmodule, inspect.isroutine, callable,
    ):  # fmt: skip
        assert ask(decorated) == ask(function), ask
    assert decorated.__name__ == function.__name__
    assert decorated.__qualname__ == function.__qualname__
    assert decorated.__annotations__ == function.__annotations__
    assert decorated.__defaults__ == function.__defaults__


def test_what_a_call_gives_has_the_types_and_names_it_had() -> None:
    made = xray.step(generator)(2)
    assert inspect.isgenerator(made)
    assert made.__qualname__ == "generator"
    made_async = xray.step(async_generator)(2)
    assert inspect.isasyncgen(made_async)
    started = xray.step(coroutine)(1)
    assert inspect.iscoroutine(started)
    assert started.__name__ == "coroutine"
    started.close()


def test_a_coroutine_that_is_cancelled_before_it_starts_leaves_no_warning() -> None:
    async def main() -> None:
        task = asyncio.ensure_future(xray.step(coroutine)(1))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())  # warnings are errors here


def test_a_coroutine_runs_in_the_callers_task_and_may_time_out_inside() -> None:
    @xray.step
    async def inner() -> tuple[Any, bool]:
        try:
            await asyncio.wait_for(asyncio.sleep(60), timeout=0.01)
        except asyncio.TimeoutError:
            return asyncio.current_task(), True
        return None, False

    async def main() -> None:
        assert await inner() == (asyncio.current_task(), True)

    asyncio.run(main())


def test_an_exception_arrives_with_its_own_traceback_tail_and_no_added_context() -> None:
    @xray.step
    def broken() -> None:
        raise LookupError("mine", 7)

    with pytest.raises(LookupError) as caught:
        broken()
    assert caught.value.args == ("mine", 7)
    assert caught.traceback[-1].name == "broken"
    assert caught.value.__context__ is None


class Base:
    def __init__(self, factor: int = 3) -> None:
        self.factor = factor

    @xray.step
    def method(self, x: int) -> int:
        return self.factor * x

    @xray.step
    @classmethod
    def class_above(cls, x: int) -> tuple[str, int]:
        return cls.__name__, x

    @classmethod
    @xray.step
    def class_below(cls, x: int) -> tuple[str, int]:
        return cls.__name__, x

    @xray.step
    @staticmethod
    def static_above(x: int) -> int:
        return x + 1

    @staticmethod
    @xray.step
    def static_below(x: int) -> int:
        return x + 1

    @xray.step
    @property
    def above(self) -> int:
        return self.factor

    @property
    @xray.step
    def below(self) -> int:
        return self.factor

    @xray.step
    @functools.cached_property
    def cached(self) -> int:
        return self.factor


class Derived(Base):
    @xray.step
    def method(self, x: int) -> int:
        return super().method(x) + 1


def test_methods_of_every_kind_bind_as_before(recorder: MemoryTracer) -> None:
    made = Derived(5)
    assert made.method(2) == 11
    assert Base.method(made, 2) == 10
    assert made.class_above(1) == Derived.class_above(1) == ("Derived", 1)
    assert made.class_below(1) == Derived.class_below(1) == ("Derived", 1)
    assert made.static_above(1) == Derived.static_above(1) == 2
    assert made.static_below(1) == Derived.static_below(1) == 2
    assert (made.above, made.below, made.cached) == (5, 5, 5)
    assert {tuple(step.inputs) for step in recorder.steps} == {("x",), ()}
    assert all(
        ("x" in step.inputs) is (step.name not in {"Base.above", "Base.below", "Base.cached"})
        for step in recorder.steps
    )
    assert {step.name for step in recorder.steps} >= {"Derived.method", "Base.method", "Base.class_below", "Base.above"}


def test_a_decorated_class_stays_the_same_object_with_public_methods_recorded(recorder: MemoryTracer) -> None:
    class Ranker:
        def __init__(self) -> None:
            self.seen = 0

        def rank(self, items: list[int]) -> int:
            return self._best(items)

        def _best(self, items: list[int]) -> int:
            return max(items)

        @staticmethod
        def version() -> str:
            return "v3"

    same = xray.step(Ranker)
    assert same is Ranker
    assert isinstance(Ranker(), Ranker)
    assert Ranker().rank([1, 3]) == 3
    assert Ranker.version() == "v3"
    assert [s.name for s in recorder.steps] == ["Ranker.rank", "Ranker.version"]
    assert xray.step("ranking")(Ranker) is Ranker


class Counter:
    """A callable object."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: int) -> int:
        self.calls += 1
        return x * 2


def test_callable_objects_and_partials_are_recorded_by_the_names_of_their_parameters(recorder: MemoryTracer) -> None:
    counter = Counter()
    decorated = xray.step(counter)
    assert decorated(4) == 8
    assert counter.calls == decorated.calls == 1
    assert isinstance(decorated, Counter)
    half = xray.step(functools.partial(plain, 1, d=True))
    assert half("y") == plain(1, "y", d=True)
    assert [s.name for s in recorder.steps] == ["Counter", "plain"]
    assert recorder.steps[0].inputs == {"x": 4}
    assert recorder.steps[1].inputs["b"] == "y"


def test_what_is_not_callable_comes_back_as_it_is() -> None:
    marker = object()
    assert xray.step()(marker) is marker
