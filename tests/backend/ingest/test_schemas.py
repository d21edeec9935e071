"""The shapes of metadata, and many of them merged."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from xray_backend.ingest.recent_shapes import RecentShapes
from xray_backend.ingest.schema_memory import SchemaMemory
from xray_backend.ingest.schemas import hash_of, merge_shapes, shape_of
from xray_backend.store.base import SchemaSighting

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


def sighting(name: str, at: int) -> SchemaSighting:
    return SchemaSighting(name, "h", {}, at)


def test_a_shape_stored_lately_is_not_due_until_some_minutes_later() -> None:
    memory = SchemaMemory(refresh_ms=1000)
    first = sighting("a", 0)
    assert memory.due("p", [first]) == [first]
    assert memory.due("p", [first]) == [first]
    memory.remember("p", [first])
    assert memory.due("p", [sighting("a", 999)]) == []
    assert memory.due("another", [first]) == [first]
    assert memory.due("p", [sighting("a", 1000)]) == [sighting("a", 1000)]


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    memory = SchemaMemory(shapes=2)
    for name in ("a", "b", "a", "c"):
        memory.remember("p", [sighting(name, 0)])
    assert [found.step_name for found in memory.due("p", [sighting(name, 1) for name in "abc"])] == ["b"]


@given(st.lists(st.dictionaries(KEYS | st.just(""), METADATA, max_size=3), min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_a_shape_that_was_seen_lately_is_found_as_if_it_were_made_anew(seen: list[dict[str, Any]]) -> None:
    recent = RecentShapes()
    for metadata in [*seen, *reversed(seen)]:
        shape = shape_of(metadata)
        assert recent.find("rank", metadata) == (hash_of(shape), shape)
