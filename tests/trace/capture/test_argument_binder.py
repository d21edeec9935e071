"""Arguments are bound as Python binds them, whatever the kinds of the parameters."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xray_trace.capture.arguments import ArgumentBinder


def plain(a: Any, b: Any, c: Any = 3) -> None: ...
def positional_only(a: Any, b: Any = 2, /, c: Any = 3) -> None: ...
def keyword_only(a: Any, *, b: Any, c: Any = 3) -> None: ...
def rest(a: Any, *args: Any, b: Any = 2) -> None: ...
def extra(a: Any, b: Any = 2, **kwargs: Any) -> None: ...
def everything(a: Any, /, b: Any, *args: Any, c: Any = 3, **kwargs: Any) -> None: ...
def nothing() -> None: ...


FUNCTIONS = [plain, positional_only, keyword_only, rest, extra, everything, nothing]


@given(
    st.sampled_from(FUNCTIONS),
    st.lists(st.integers(), max_size=5),
    st.dictionaries(st.sampled_from("abcxyz"), st.integers()),
)
@settings(deadline=None, max_examples=500)
def test_it_binds_what_python_binds(function: Callable[..., None], args: list[int], kwargs: dict[str, int]) -> None:
    signature = inspect.signature(function)
    found = ArgumentBinder(signature).bind(tuple(args), kwargs)
    try:
        expected = signature.bind(*args, **kwargs)
    except TypeError:
        assert set(found) <= {*signature.parameters, *kwargs, *(f"kwargs.{name}" for name in kwargs)}
        return
    expected.apply_defaults()
    arguments = dict(expected.arguments)
    collected = arguments.pop("kwargs", {})
    for name, value in collected.items():
        arguments[f"kwargs.{name}" if name in signature.parameters else name] = value
    assert list(found.items()) == list(arguments.items())


def bind(
    function: Callable[..., None], *args: Any, binder: dict[str, Any] | None = None, **kwargs: Any
) -> dict[str, object]:
    return ArgumentBinder(inspect.signature(function), **(binder or {})).bind(args, kwargs)


def test_self_is_left_out_where_asked() -> None:
    assert bind(plain, 1, binder={"is_bound": True}) == {"b": 1, "c": 3}
    assert bind(lambda *args: None, 1, binder={"is_bound": True}) == {"args": (1,)}


def test_only_the_names_wanted_are_kept() -> None:
    assert bind(plain, 1, 2, binder={"names": frozenset({"b"})}) == {"b": 2}
    assert bind(plain, 1, 2, binder={"ignore": frozenset({"b"})}) == {"a": 1, "c": 3}
    assert bind(extra, 1, binder={"names": frozenset({"kwargs"})}, x=5) == {"x": 5}
    assert bind(extra, 1, binder={"ignore": frozenset({"kwargs"})}, x=5) == {"a": 1, "b": 2}
    assert bind(extra, 1, binder={"names": frozenset({"x"})}, x=5, y=6) == {"x": 5}


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [((), {}, {"c": 3}), ((1, 2, 3, 4), {}, {"a": 1, "b": 2, "c": 3}), ((1,), {"zz": 5}, {"a": 1, "c": 3})],
)
def test_a_call_that_does_not_fit_gives_what_can_be_bound(args: Any, kwargs: Any, expected: dict[str, object]) -> None:
    assert bind(plain, *args, **kwargs) == expected


def test_extra_arguments_are_not_taken_for_parameters_of_the_same_name() -> None:
    assert bind(positional_only, 1, 2, 3) == {"a": 1, "b": 2, "c": 3}
    assert bind(everything, 1, 2, args=5, a=6) == {
        "a": 1, "b": 2, "args": (), "c": 3, "kwargs.args": 5, "kwargs.a": 6,
    }  # fmt: skip
