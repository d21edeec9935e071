"""Odd callables, odd ways to decorate them and odd uses of what comes out."""

import asyncio
import functools
import gc
import signal
import sys
import types
import weakref
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import pytest

import xray_trace as xray
from xray_trace.context import get_scope
from xray_trace.testing import MemoryTracer

pytestmark = pytest.mark.usefixtures("recorder")


def test_wraps_above_a_decorated_wrapper_leaves_the_wrapper_in_charge(recorder: MemoryTracer) -> None:
    def function(x: int) -> int:
        return x

    @functools.wraps(function)
    @xray.step
    def wrapper(*args: Any) -> int:
        return function(*args) + 1

    assert wrapper(1) == 2
    assert wrapper.__name__ == "function"
    assert recorder.steps[0].inputs == {"x": 1}


def test_annotations_are_the_functions_own_whatever_was_set_on_another_one() -> None:
    def function(x: int) -> str:
        return str(x)

    decorated, other = xray.step(function), xray.step(lambda: None)
    other.__annotations__ = {"return": bytes}
    assert type(decorated).__annotations__ is not None
    assert other.__annotations__ == {"return": bytes}
    assert decorated.__annotations__ == function.__annotations__ == {"x": int, "return": str}
    assert Shop().price.__annotations__ == {"x": int, "return": int}


class Client:
    def log_in(self, password: str, user: str, *, times: int = 1) -> str:
        return user

    async def send(self, text: str, to: str = "all") -> str:
        return text

    @classmethod
    def make(cls, host: str) -> str:
        return host

    @functools.wraps(log_in)
    def sign_in(self, *args: Any, **kwargs: Any) -> str:
        return self.log_in(*args, **kwargs)

    @functools.wraps(log_in)
    def enter(*args: Any, **kwargs: Any) -> str:
        return Client.log_in(*args, **kwargs)


def test_the_arguments_of_a_method_that_was_bound_before_keep_their_names(recorder: MemoryTracer) -> None:
    client = Client()
    send, make = xray.step(client.send), xray.step(Client.make)
    log_ins = [xray.step(method) for method in (client.log_in, client.sign_in, client.enter)]
    for _ in range(2):
        assert [log_in("hunter2", "ann") for log_in in log_ins] == ["ann"] * 3
        assert asyncio.run(send("hello")) == "hello"
        assert make("example.com") == "example.com"
    expected = [
        *[{"password": "[redacted]", "user": "ann", "times": 1}] * 3,
        {"text": "hello", "to": "all"},
        {"host": "example.com"},
    ]
    assert [step.inputs for step in recorder.steps] == expected * 2


class Shop:
    @xray.step
    def price(self, x: int) -> int:
        return 2 * x

    @xray.step
    @classmethod
    def name(cls) -> str:
        return cls.__name__


def test_a_weak_reference_to_a_decorated_method_gives_the_method_back(recorder: MemoryTracer) -> None:
    shop = Shop()
    price, name = weakref.WeakMethod(shop.price)(), weakref.WeakMethod(Shop.name)()
    assert price is not None
    assert name is not None
    assert (price(3), name()) == (6, "Shop")
    assert recorder.steps[0].inputs == {"x": 3}


def test_the_function_of_a_bound_method_is_the_recorded_one(recorder: MemoryTracer) -> None:
    shop = Shop()
    assert shop.price.__func__(shop, 4) == 8
    assert types.MethodType(Shop.__dict__["price"], shop)(5) == 10
    assert [step.inputs for step in recorder.steps] == [{"x": 4}, {"x": 5}]


def test_a_decorated_callable_is_shown_as_it_was() -> None:
    def function() -> None:
        return None

    shop = Shop()
    assert repr(xray.step(function)) == repr(function)
    assert repr(shop.price) == repr(types.MethodType(Shop.__dict__["price"].__wrapped__, shop))


def test_methods_that_python_binds_by_their_name_alone_are_bound_so(recorder: MemoryTracer) -> None:
    class Base:
        options: dict[str, int]

        @xray.step
        def __init_subclass__(cls, **options: int) -> None:
            cls.options = options

        @xray.step
        def __class_getitem__(cls, key: int) -> int:
            return key

        @xray.step
        def __new__(cls, *_: object) -> Any:
            return super().__new__(cls)

    class Derived(Base, size=1):
        pass

    assert Derived.options == {"size": 1}
    assert Derived[7] == 7
    assert type(Base(1)) is Base
    assert len(recorder.steps) == 3


class AsyncObject:
    async def __call__(self, x: int) -> int:
        await asyncio.sleep(0)
        return x + 1


class GeneratorObject:
    def __call__(self, n: int) -> Generator[int, None, None]:
        yield from range(n)


class AsyncGeneratorObject:
    async def __call__(self, n: int) -> AsyncGenerator[int, None]:
        for i in range(n):
            yield i


def test_callable_objects_run_as_the_kind_that_their_call_is(recorder: MemoryTracer) -> None:
    async def main() -> tuple[int, list[int]]:
        return await xray.step(AsyncObject())(1), [i async for i in xray.step(AsyncGeneratorObject())(2)]

    assert asyncio.run(main()) == (2, [0, 1])
    assert list(xray.step(GeneratorObject())(2)) == [0, 1]
    items = {"items": [0, 1], "count": 2}
    assert [step.output for step in recorder.steps] == [2, items, items]


def test_a_generator_that_may_be_awaited_may_be_awaited_decorated(recorder: MemoryTracer) -> None:
    @xray.step
    @types.coroutine
    def awaited() -> Generator[None, None, int]:
        yield
        return 3

    async def main() -> int:
        return await awaited()

    assert asyncio.run(main()) == 3
    assert recorder.steps[0].output == {"items": [None], "count": 1, "returned": 3}


def test_a_coroutine_function_whose_wrapper_supplies_arguments_is_recorded(recorder: MemoryTracer) -> None:
    async def query(session: str, x: int) -> str:
        return f"{session} {x}"

    @xray.step
    @functools.wraps(query)
    async def with_session(x: int) -> str:
        return await query("s", x)

    assert asyncio.run(with_session(5)) == "s 5"
    assert recorder.steps[0].inputs == {"x": 5}
    with pytest.raises(TypeError):
        with_session("s", 5)


class Proxy:
    """Stands for something that is not there yet."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("not bound yet")

    def __call__(self) -> int:
        return 1


class OwnProperty(property):
    def __init__(self, getter: Callable[[Any], Any]) -> None:
        super().__init__(getter)


def test_what_cannot_be_decorated_comes_back_as_it_is_and_raises_nothing() -> None:
    class Holder:
        proxy = Proxy()
        own = xray.step(OwnProperty(lambda self: 3))

        def method(self) -> int:
            return 2

    assert xray.step(Proxy())() == 1
    assert xray.step(str) is str
    assert xray.step(Holder)().method() == 2
    assert Holder().own == 3


@pytest.mark.parametrize("wrong", [None, 5, object()])
def test_arguments_of_step_that_make_no_sense_are_as_if_they_were_not_given(wrong: Any, recorder: MemoryTracer) -> None:
    @xray.step(name=wrong, capture_inputs=wrong, ignore=wrong, capture_output=wrong, snapshot=wrong, pickle=wrong)
    def function(x: int) -> int:
        return x

    assert function(4) == 4
    assert recorder.steps[0].inputs == {"x": 4}
    assert recorder.steps[0].output == 4


@pytest.mark.filterwarnings("error")
def test_async_generators_that_the_loop_closes_at_its_end_close_once_and_without_a_word() -> None:
    said: list[Any] = []

    @xray.step
    async def slow_to_close() -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            said.append("closed")

    left_open = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(context))
        left_open.append(slow_to_close())
        assert await anext(left_open[0]) == 1

    asyncio.run(main())
    assert said == ["closed"]


@pytest.mark.swallows
def test_an_error_swallowed_inside_does_not_keep_the_users_error_alive(recorder: MemoryTracer) -> None:
    class Mine(Exception):
        pass

    def fail() -> "weakref.ref[Mine]":
        error = Mine()
        try:
            raise error
        except Mine:
            with recorder.guard.around("testing"):
                raise ValueError from error
        return weakref.ref(error)

    kept = fail()
    gc.collect()
    assert recorder.stats().swallowed == 1
    assert kept() is None


@xray.step
def plain(x: int) -> int:
    return x


@xray.trace
def whole(x: int) -> int:
    return plain(x)


@xray.step
def generated(n: int) -> Generator[int, None, None]:
    yield from range(n)


class Nowhere:
    """Keeps nothing: thousands of calls are made."""

    def put(self, record: Any) -> None:
        return None


def call_until_interrupted(call: Callable[[], Any], after_seconds: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, after_seconds, 0.05)  # again, should one get lost: the loop has no other end
    try:
        while True:
            call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


GENERATOR = pytest.param(
    lambda: list(generated(2)),
    marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 may interrupt a `finally` at its start"),
)


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize("call", [lambda: plain(1), lambda: whole(1), GENERATOR])
def test_an_interrupt_at_any_moment_reaches_the_user_alone_and_restores_the_scope(
    call: Callable[[], Any], recorder: MemoryTracer
) -> None:
    recorder.recorder.core.sink = Nowhere()  # type: ignore[assignment]
    former = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for round_ in range(400):
            with pytest.raises(KeyboardInterrupt):
                call_until_interrupted(call, (20 + round_) / 1_000_000)
            assert get_scope() is None
    finally:
        signal.signal(signal.SIGALRM, former)
