"""Metadata is always a JSON object, masked, and small enough for an event."""

import types
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xray_trace.capture.capturer import Capturer
from xray_trace.config import DEFAULT_REDACTED_NAMES

CAPTURER = Capturer(DEFAULT_REDACTED_NAMES)
ANYTHING = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.integers() | st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text() | st.integers() | st.none() | st.binary(), ANYTHING))
@settings(deadline=None)
def test_it_is_a_json_object_whatever_keys_and_values_are(values: Any) -> None:
    back = msgspec.json.decode(CAPTURER.metadata(values))
    assert isinstance(back, dict)
    assert len(back) == len(values)


def test_plain_metadata_is_given_back_as_it_was() -> None:
    values = {"useCase": "benchmark", "n": 1, "nested": {"$odd.key": [True, None]}, "": "empty"}
    assert msgspec.json.decode(CAPTURER.metadata(values)) == values


def test_a_read_only_mapping_is_read_too() -> None:
    assert CAPTURER.metadata(types.MappingProxyType({"a": 1})) == b'{"a":1}'


def test_the_largest_values_give_way_first() -> None:
    values = {"small": "kept", "large": "x" * 60_000, "larger": ["y" * 50] * 1_500}
    body = CAPTURER.metadata(values)
    assert len(body) <= 65_536
    back = msgspec.json.decode(body)
    assert back["small"] == "kept"
    assert back["large"] == values["large"]
    assert back["larger"]["leftOut"] == "too large for metadata"


@pytest.mark.parametrize(
    "values",
    [
        {f"k{n}": n for n in range(100_000)},
        {f"k{n}": "x" * 90 for n in range(3_000)},
        {"k" * 100_000: 1, "other": 2},
        {f"k{n}": "x" * 5_000 for n in range(3_000)},
        {"deep": [[[[["x" * 200_000] * 20] * 20] * 20] * 20]},
    ],
)
def test_it_stays_within_64_kib_however_much_there_is(values: dict[str, Any]) -> None:
    body = CAPTURER.metadata(values)
    assert len(body) <= 65_536
    assert isinstance(msgspec.json.decode(body), dict)


def test_a_large_value_costs_its_neighbours_nothing() -> None:
    back = msgspec.json.decode(CAPTURER.metadata({"large": [1j] * 1_000_000, "small": {"kept": [1, 2j]}}))
    assert back["small"] == {"kept": [1, "2j"]}


def test_it_is_at_most_50_levels_deep() -> None:
    deep: Any = {}
    for _ in range(200):
        deep = {"in": deep, "object": types.SimpleNamespace(deep=[deep])}
    back: Any = msgspec.json.decode(CAPTURER.metadata({"deep": types.SimpleNamespace(a=deep)}))
    assert _depth(back) <= 50


def _depth(value: Any) -> int:
    inside = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(_depth, inside), default=0)


@pytest.mark.parametrize("name", ["password", "model"])
def test_a_dictionary_of_small_ones_is_masked_each_time_as_any_other(name: str) -> None:
    capturer = Capturer(DEFAULT_REDACTED_NAMES)
    values = {"first": {"model": "a", "tokens": 3}, "second": {name: "swordfish", "none": None}}
    said = [msgspec.json.decode(capturer.metadata(values)) for _ in range(2)]
    expected = "swordfish" if name == "model" else said[0]["second"][name]
    assert ("swordfish" in str(said)) == (name == "model")
    assert said == [{"first": {"model": "a", "tokens": 3}, "second": {name: expected, "none": None}}] * 2


def test_a_dictionary_of_small_ones_may_hold_what_json_cannot_say() -> None:
    values = {"first": {"a": "\ud800"}, "second": {"b": float("nan"), "c": 2**70}}
    for _ in range(2):
        assert set(msgspec.json.decode(Capturer(DEFAULT_REDACTED_NAMES).metadata(values))) == {"first", "second"}
