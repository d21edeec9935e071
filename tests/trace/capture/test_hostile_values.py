"""Whatever a value does, capturing neither raises nor runs its code; what is the user's own passes through."""

import io
import itertools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import msgspec
import pytest

from xray_trace.capture.capturer import Capturer
from xray_trace.config import DEFAULT_REDACTED_NAMES

CAPTURER = Capturer(DEFAULT_REDACTED_NAMES)
touched: list[str] = []


def refuse(name: str) -> Callable[..., NoReturn]:
    def method(*args: object, **kwargs: object) -> NoReturn:
        touched.append(name)
        raise RuntimeError(name)

    return method


METHODS = [
    "__repr__", "__str__", "__eq__", "__hash__", "__len__", "__bool__", "__iter__", "__getattr__", "__getattribute__",
    "__getitem__", "__contains__", "__int__", "__index__", "__float__", "__bytes__", "__call__", "__format__",
    "__reduce_ex__", "__reduce__", "__getstate__", "__copy__", "__deepcopy__", "__dir__", "__length_hint__",
    "__enter__", "__next__", "__array__", "__fspath__", "__sizeof__", "keys", "items", "values", "isoformat",
]  # fmt: skip


def hostile(*bases: type) -> type:
    """Return a class whose every method, property and `__dict__` raises."""
    members: dict[str, Any] = {name: refuse(name) for name in METHODS}
    members["__class__"] = property(refuse("__class__"))
    members["anything"] = property(refuse("property"))
    return type("Hostile", bases, members)


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    touched.clear()
    yield
    assert touched == []


@pytest.mark.parametrize(
    "base", [object, dict, list, tuple, set, frozenset, str, int, float, bytes, bytearray, Exception]
)
def test_no_code_of_a_hostile_class_is_run(base: type) -> None:
    value = hostile(base)()
    for shown in (value, [value], {"k": value}, (1, [value])):
        captured = CAPTURER.capture("value", shown)
        if captured.content_type == "application/json":
            msgspec.json.decode(captured.body or b"")
        assert b"leftOut" not in (captured.body or b"")
        msgspec.json.decode(captured.summary)
    msgspec.json.decode(CAPTURER.metadata({"k": value}))


def test_a_hostile_key_is_not_asked_either() -> None:
    class Key:
        def __repr__(self) -> str:
            raise RuntimeError

    assert b"Key]" in (CAPTURER.capture("value", {Key(): 1}).body or b"")


def test_a_metaclass_is_not_asked() -> None:
    class Meta(type):
        __eq__ = refuse("meta __eq__")  # type: ignore[assignment]
        __hash__ = refuse("meta __hash__")  # type: ignore[assignment]
        __getattribute__ = refuse("meta __getattribute__")  # type: ignore[assignment]
        __instancecheck__ = refuse("meta __instancecheck__")
        __subclasscheck__ = refuse("meta __subclasscheck__")

    class Odd(metaclass=Meta):
        pass

    value = object.__new__(Odd)
    body = CAPTURER.capture("value", [value]).body or b""
    assert b"Odd" in body


def test_a_property_called_dict_is_not_asked_and_the_real_attributes_are_read() -> None:
    class Sly:
        __dict__ = property(refuse("__dict__"))  # type: ignore[assignment]
        __slots__ = ("size",)

    value = Sly()
    value.size = 3
    assert b'"size":3' in (CAPTURER.capture("value", value).body or b"")


def test_iterators_generators_and_files_are_not_consumed() -> None:
    numbers = itertools.count()
    generator = (n for n in range(3))
    file = io.StringIO("text")
    iterator = iter([1, 2])
    captured = CAPTURER.capture("value", [numbers, generator, file, iterator, map(str, [1]), threading.Lock()])
    types = [item["type"] for item in msgspec.json.decode(captured.body or b"")]
    assert types == ["itertools.count", "generator", "_io.StringIO", "list_iterator", "map", "_thread.lock"]
    assert next(numbers) == 0
    assert list(generator) == [0, 1, 2]
    assert file.read() == "text"
    assert list(iterator) == [1, 2]


def test_an_infinite_iterable_of_an_unknown_type_ends() -> None:
    class Endless:
        def __init__(self) -> None:
            self.name = "endless"

        __iter__ = refuse("__iter__")

    body = CAPTURER.capture("value", Endless()).body or b""
    assert msgspec.json.decode(body)["attributes"] == {"name": "endless"}


def test_every_value_of_the_interpreters_modules_can_be_captured() -> None:
    for name in sorted(sys.modules)[:300]:
        for value in list(vars(sys.modules[name]).values()):
            captured = CAPTURER.capture("value", value)
            assert captured.late is not None or captured.body is not None


def test_values_that_other_threads_change_meanwhile_raise_nothing() -> None:
    shared: dict[str, Any] = {"list": [], "set": set(), "dict": {}, "objects": [Changing()]}
    stop = threading.Event()

    def change(seed: int) -> None:
        for number in itertools.count(seed):
            if stop.is_set():
                return
            shared["list"][:] = list(range(number % 50))
            shared["set"] ^= {number % 20}
            shared["dict"].pop(str(number % 30), None)
            shared["dict"][str((number * 7) % 30)] = number
            shared["objects"][0].__dict__[f"a{number % 40}"] = 1
            shared["objects"][0].__dict__.pop(f"a{(number * 3) % 40}", None)

    threads = [threading.Thread(target=change, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(300):
            for value in (shared, [shared, 1j]):
                captured = CAPTURER.capture("value", value)
                msgspec.json.decode(captured.body or b"")
                assert b"leftOut" not in (captured.body or b"")
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)


class Changing:
    pass


def test_an_error_that_a_signal_handler_raised_reaches_the_user() -> None:
    def handler(number: int, frame: object) -> None:
        raise TimeoutError("the user's own")

    def strike(name: str, value: object) -> bool:
        signal.raise_signal(signal.SIGUSR1)
        return False

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(TimeoutError, match="the user's own"):
            Capturer(strike).capture("value", [1])
        with pytest.raises(TimeoutError, match="the user's own"):
            Capturer(strike).metadata({"a": 1})
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_keyboard_interrupt_passes() -> None:
    def interrupt(name: str, value: object) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Capturer(interrupt).capture("value", [1])


@pytest.mark.parametrize("frames_left", range(4, 80))
def test_capturing_near_the_recursion_limit_raises_nothing(frames_left: int) -> None:
    def sink(levels: int) -> bytes:
        return sink(levels - 1) if levels else CAPTURER.capture("value", [1j, {"a": [object()]}]).summary

    def deepest() -> int:
        try:
            return deepest() + 1
        except RecursionError:
            return 0

    assert msgspec.json.decode(sink(deepest() - frames_left))["bytes"] > 0
