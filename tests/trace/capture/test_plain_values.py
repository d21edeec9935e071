"""Values that JSON can say come back as they were, whatever their shape."""

import collections
import enum
import math
import types
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xray_trace.capture.capturer import Capturer

ANY_TEXT = st.text(st.characters(exclude_categories=()))
LEAVES = st.none() | st.booleans() | st.integers() | st.integers(-(2**80), 2**80) | st.floats() | ANY_TEXT
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner) | st.tuples(inner, inner), max_leaves=40
)


def as_json(value: Any) -> Any:
    """Say by the wire contract's rules what a value must come back as."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {as_json(key): as_json(item) for key, item in value.items()}
    return value


def decoded(value: object) -> Any:
    captured = Capturer(()).capture("value", value)  # nothing masked: any text may be drawn, a secret's name too
    assert captured.content_type == "application/json"
    assert captured.body is not None
    return msgspec.json.decode(captured.body)


@given(VALUES)
@settings(deadline=None, max_examples=300)
def test_what_json_can_say_comes_back_as_the_wire_contract_says(value: Any) -> None:
    assert decoded(value) == as_json(value)


@given(VALUES)
@settings(deadline=None, max_examples=100)
def test_a_value_is_encoded_the_same_beside_something_that_only_the_slow_way_can_take(value: Any) -> None:
    assert decoded([value, 1j]) == [as_json(value), "1j"]


ODD_NUMBERS = st.sampled_from([math.nan, math.inf, -math.inf, 2**63, -(2**63) - 1])


@given(st.dictionaries(st.sampled_from(["id", "name", "score"]), LEAVES | ODD_NUMBERS | st.lists(LEAVES)))
@settings(deadline=None, max_examples=300)
def test_a_small_dict_whose_names_were_met_before_comes_back_as_one_whose_names_are_new(value: dict[str, Any]) -> None:
    capturer = Capturer(())
    capturer.capture("value", {"id": 1, "name": "n", "score": 0.5})
    body = capturer.capture("value", value).body
    assert body is not None
    assert msgspec.json.decode(body) == as_json(value)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Product:
    name: str
    tags: list[str] = field(default_factory=list)


@attrs.define
class Slotted:
    size: int


class Model(pydantic.BaseModel):
    model_config = {"extra": "allow"}
    size: int


class ShoutingText(str):
    def __str__(self) -> str:
        return "not the content"


UUID_ONE = UUID(int=1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 1, 2, tzinfo=timezone.utc), "2026-01-02T00:00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (timedelta(days=1), "P1D"),
        (Decimal("1.10"), "1.10"),
        (UUID_ONE, str(UUID_ONE)),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        ({1}, [1]),
        (frozenset({1}), [1]),
        ((1, 2), [1, 2]),
        (Point(1, 2), {"x": 1, "y": 2}),
        (Product("cup", ["new"]), {"name": "cup", "tags": ["new"]}),
        (Slotted(2), {"size": 2}),
        (Model(size=2, colour="red"), {"size": 2, "colour": "red"}),
        (Path("/srv/x"), "/srv/x"),
        (ValueError("bad", 3), {"type": "ValueError", "message": "bad", "args": ["bad", 3]}),
        (1j, "1j"),
        (range(3), "range(0, 3)"),
        (..., "Ellipsis"),
        (collections.deque([1]), [1]),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.Counter("a"), {"a": 1}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        ({"a": 1}.keys(), ["a"]),
        (ShoutingText("content"), "content"),
        (b"abc", None),
    ],
)
def test_the_standard_types_are_json_alone_and_inside_a_list(value: object, expected: object) -> None:
    inside = decoded([value])[0]
    if expected is None:
        assert inside == "YWJj"  # base64
        return
    alone = decoded(value)
    assert alone == inside
    if isinstance(value, datetime):
        assert alone.startswith(expected)
    else:
        assert alone == expected


def test_keys_that_are_no_text_become_text_and_none_is_lost() -> None:
    value = {1: "a", "1": "b", None: "c", (1, 2): "d", Colour.RED: "e", b"raw": "f", 1.5: "g", False: "h"}
    back = decoded(value)
    assert sorted(back.values()) == sorted(value.values())
    assert back["null"] == "c"
    assert back["[1,2]"] == "d"
    assert back["red"] == "e"
    assert back["raw"] == "f"


def test_a_cycle_ends_where_it_meets_itself() -> None:
    value: dict[str, Any] = {"name": "a"}
    value["self"] = value
    items: list[Any] = [value]
    items.append(items)
    assert decoded(items) == [{"name": "a", "self": "[cycle: dict]"}, "[cycle: list]"]


def test_the_same_object_twice_is_no_cycle() -> None:
    shared = [1j]
    assert decoded([shared, shared]) == [["1j"], ["1j"]]


@pytest.mark.parametrize("levels", [40, 60, 5_000, 200_000])
def test_depth_is_bounded(levels: int) -> None:
    value: Any = "bottom"
    for _ in range(levels):
        value = [value]
    back = decoded(value)
    depth = 0
    while isinstance(back, list):
        back = back[0]
        depth += 1
    assert (back == "bottom") == (levels < 50)
    assert depth <= 50


def test_a_time_zone_of_the_users_is_named_and_not_asked() -> None:
    class Zone(tzinfo):
        def utcoffset(self, moment: datetime | None) -> timedelta:
            raise AssertionError("asked")

    back = decoded({"at": datetime(2026, 1, 2, tzinfo=Zone())})
    assert back["at"].startswith("2026-01-02T00:00:00 [")


def test_raw_json_of_msgspec_is_not_let_through_unread() -> None:
    assert "broken" not in str(decoded([msgspec.Raw(b'{"broken')]))
