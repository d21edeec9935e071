"""The shapes of metadata, and many of them merged."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from xray_backend.store.metadata_shape import KEYS_PER_OBJECT, hash_of, is_cut, merge_shapes, shape_of

KEYS = st.sampled_from(["a", "b", "c.d"])
METADATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=2) | st.lists(st.integers(), max_size=1),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
SHAPES = st.lists(st.dictionaries(KEYS, METADATA, max_size=3).map(shape_of), max_size=5)


def test_leaves_are_named_by_their_json_type_and_objects_keep_their_keys() -> None:
    metadata = {
        "s": "",
        "i": 1,
        "f": 0.5,
        "b": True,
        "n": None,
        "l": [{"x": 1}],
        "o": {"p": {"min": 1}},
        "e": {},
        "": 1,
    }
    assert shape_of(metadata) == {
        "s": "string",
        "i": "number",
        "f": "number",
        "b": "boolean",
        "n": "null",
        "l": "array",
        "o": {"p": {"min": "number"}},
        "e": {},
    }


def test_a_field_of_two_types_names_both_sorted() -> None:
    assert merge_shapes([{"a": "string"}, {"a": "number"}, {"a": "string"}]) == {"a": "number|string"}
    assert merge_shapes([{"a": "number|string"}, {"a": "null"}, {"a": "number"}]) == {"a": "null|number|string"}


def test_a_field_that_is_an_object_and_a_leaf_stays_the_object() -> None:
    leaf, other, nested = {"a": "string"}, {"a": "null"}, {"a": {"b": "number"}}
    expected: Any = {"a": {"b": "number", "": "null|string"}}
    for order in ([leaf, nested, other], [nested, leaf, other], [other, leaf, nested]):
        assert merge_shapes(order) == expected


@given(SHAPES, st.data())
@settings(max_examples=200, deadline=None)
def test_merging_gives_the_same_for_every_order_and_repetition_and_changes_no_shape(
    shapes: list[Any], data: st.DataObject
) -> None:
    before = [hash_of(shape) for shape in shapes]
    expected = hash_of(merge_shapes(shapes))
    order = data.draw(st.permutations(shapes + shapes))
    assert hash_of(merge_shapes(order)) == expected
    assert [hash_of(shape) for shape in shapes] == before


def test_the_hash_knows_nothing_of_the_order_of_keys() -> None:
    assert hash_of({"a": "string", "b": "null"}) == hash_of({"b": "null", "a": "string"})
    assert hash_of({"a": "string"}) != hash_of({"a": "number"})


WIDE = st.sets(st.integers(0, 999), max_size=300).map(lambda ids: {f"id-{one:03}": {"n": one} for one in ids})


def test_an_object_with_too_many_keys_is_told_by_the_first_and_the_rest_are_counted() -> None:
    left_out: list[int] = []
    ids = {f"{number:04}": 1 for number in range(KEYS_PER_OBJECT + 7)}
    shape = shape_of({"plain": 1, "byId": ids}, left_out.append)
    assert left_out == [7]
    assert list(shape["byId"]) == list(ids)[:KEYS_PER_OBJECT]
    assert is_cut(shape)
    assert not is_cut(shape_of({"plain": {"a": 1}}))


@given(st.lists(WIDE, max_size=4), st.data())
@settings(max_examples=30, deadline=None)
def test_what_is_told_of_many_keys_is_the_same_for_every_order_and_never_too_much(
    many: list[Any], data: st.DataObject
) -> None:
    shapes = [shape_of({"byId": ids}) for ids in many]
    merged = merge_shapes(shapes)
    assert merge_shapes(data.draw(st.permutations(shapes))) == merged
    told = merged.get("byId", {})
    assert isinstance(told, dict)
    assert sorted(told) == sorted({key for ids in many for key in ids})[:KEYS_PER_OBJECT]
