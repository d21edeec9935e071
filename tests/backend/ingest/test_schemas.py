"""The shapes of metadata that ingest has seen lately."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backend.store.test_metadata_shape import KEYS, METADATA
from xray_backend.ingest.recent_shapes import RecentShapes
from xray_backend.ingest.schema_memory import SchemaMemory
from xray_backend.store.metadata_shape import hash_of, shape_of
from xray_backend.store.records import SchemaSighting


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
