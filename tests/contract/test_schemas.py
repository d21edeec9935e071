"""What every store must do with the shapes of metadata: keep each once, and tell them merged."""

import json
import os
from itertools import chain
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.stores import Opener
from tests.contract.test_store import in_threads
from xray_backend.ids import new_object_id
from xray_backend.store.base import Store
from xray_backend.store.metadata_shape import KEYS_PER_OBJECT, hash_of, merge_shapes
from xray_backend.store.records import SHAPES_PER_STEP_NAME, EventBatch, SchemaSighting

EXAMPLES: Final = int(os.environ.get("XRAY_SCHEMA_EXAMPLES", "100"))

SHAPES = st.recursive(
    st.sampled_from(["string", "number", "boolean", "null", "array"]),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "c.d"]), inner, max_size=3),
    max_leaves=6,
)
SIGHTINGS = st.builds(
    lambda name, shape, at: SchemaSighting(name, hash_of(shape), shape, at),
    st.sampled_from(["rank", 'sea"rch']),
    st.dictionaries(st.sampled_from(["a", "b", "e"]), SHAPES, min_size=1, max_size=3),
    st.integers(0, 9),
)


def merged(store: Store, project_id: str, step_name: str | None = None) -> Any:
    return json.loads(store.merged_schema(project_id, step_name).document)


def shapes_of(store: Store, project_id: str, step_name: str | None = None) -> list[Any]:
    return [json.loads(document)["schemaShape"] for document in chain(*store.schemas(project_id, step_name))]


@given(st.lists(st.lists(SIGHTINGS, max_size=5), max_size=4))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_merged_schema_is_what_the_stored_shapes_merge_to_after_each_batch(
    store: Store, batches: list[list[SchemaSighting]]
) -> None:
    project_id = new_object_id()
    for batch in batches:
        store.write(EventBatch(project_id, schemas=batch))
        for step_name in ("rank", 'sea"rch', "unknown", None):
            assert merged(store, project_id, step_name) == merge_shapes(shapes_of(store, project_id, step_name))
    seen = {(sighting.step_name, sighting.schema_hash) for batch in batches for sighting in batch}
    assert len(shapes_of(store, project_id)) == len(seen)


def test_a_merged_schema_tells_of_its_project_and_of_the_step_name_asked_about(store: Store) -> None:
    assert merged(store, "p") == {}
    store.write(EventBatch("p", schemas=[SchemaSighting("rank", "h1", {"a": "null"}, 1)]))
    store.write(EventBatch("q", schemas=[SchemaSighting("rank", "h2", {"b": "null"}, 1)]))
    store.write(EventBatch("p", schemas=[SchemaSighting('sea"rch', "h3", {"a": "string"}, 1)]))
    assert merged(store, "p") == {"a": "null|string"}
    assert merged(store, "p", 'sea"rch') == {"a": "string"}
    assert merged(store, "q") == {"b": "null"}
    ((document,),) = store.schemas("p", 'sea"rch')
    assert json.loads(document)["stepName"] == 'sea"rch'


def test_shapes_that_several_stores_write_at_once_are_all_merged(opener: Opener) -> None:
    stores = [opener() for _ in range(4)]

    def write(number: int) -> None:
        for place in range(20):
            shared = SchemaSighting("rank", f"shared{place}", {f"shared{place}": "null"}, 1)
            own = SchemaSighting("rank", f"own{number}-{place}", {f"own{number}-{place}": "null"}, 1)
            stores[number].write(EventBatch("p", schemas=[shared, own]))

    in_threads(len(stores), write)
    for store in stores:
        assert len(merged(store, "p", "rank")) == len(shapes_of(store, "p", "rank")) == 20 + 4 * 20


def test_a_merged_schema_says_whether_shapes_or_keys_may_be_missing(store: Store) -> None:
    shapes = [SchemaSighting("full", f"h{number}", {"a": {f"k{number % 9}": "null"}}, 1) for number in range(1001)]
    store.write(EventBatch("p", schemas=[*shapes[:999], SchemaSighting("plain", "h", {"b": "null"}, 1)]))
    assert store.merged_schema("p", None).is_complete
    store.write(EventBatch("p", schemas=shapes))
    assert not store.merged_schema("p", "full").is_complete
    assert not store.merged_schema("p", None).is_complete
    assert store.merged_schema("p", "plain").is_complete
    wide = {f"id-{number:03}": "null" for number in range(KEYS_PER_OBJECT + 1)}
    store.write(EventBatch("q", schemas=[SchemaSighting("wide", "h", {"byId": wide}, 1)]))
    assert merged(store, "q")["byId"] == dict.fromkeys(list(wide)[:KEYS_PER_OBJECT], "null")
    assert not store.merged_schema("q", "wide").is_complete


def test_shapes_too_large_to_be_kept_merged_are_told_all_the_same(opener: Opener) -> None:
    store = opener()
    for number in range(40):
        shape = {f"order-{number}": {f"line-{number}-{line:03}": {"price": "number"} for line in range(150)}}
        sightings = [
            SchemaSighting("orders", f"h{number}", {"byId": shape}, 1),
            SchemaSighting("plain", f"h{number}", {f"k{number}": "null"}, 1),
        ]
        store.write(EventBatch("p", schemas=sightings))
    for reader in (store, opener()):
        told = merged(reader, "p", "orders")["byId"]
        assert [len(lines) for lines in told.values()] == [150] * 40
        assert len(merged(reader, "p")) == 41
        assert reader.merged_schema("p", None).is_complete


def test_a_step_name_keeps_so_many_shapes_and_no_more_and_says_how_many_it_left_out(store: Store) -> None:
    def seen(numbers: range, name: str = "rank", at: int = 1) -> list[SchemaSighting]:
        return [SchemaSighting(name, f"h{number:04}", {f"k{number}": "null"}, at) for number in numbers]

    assert store.write(EventBatch("p", schemas=seen(range(SHAPES_PER_STEP_NAME)))).shapes_left_out == 0
    assert store.write(EventBatch("p", schemas=seen(range(998, 1005), at=7))).shapes_left_out == 5
    assert store.write(EventBatch("p", schemas=seen(range(3), name="search"))).shapes_left_out == 0
    assert store.write(EventBatch("q", schemas=seen(range(1005, 1006)))).shapes_left_out == 0
    kept = [json.loads(document) for document in chain(*store.schemas("p", "rank"))]
    assert [found["schemaHash"] for found in kept] == [f"h{number:04}" for number in range(SHAPES_PER_STEP_NAME)]
    assert kept[-1]["lastSeenAt"] == "1970-01-01T00:00:00.007Z"


def test_a_list_of_shapes_has_each_that_was_there_once_whatever_is_stored_while_it_is_read(store: Store) -> None:
    there = [SchemaSighting(f"step {number % 5}", f"h{number:04}", {"a": "null"}, 1) for number in range(900)]
    store.write(EventBatch("p", schemas=there))
    found: list[Any] = []
    for number, piece in enumerate(store.schemas("p", None)):
        found += [json.loads(document) for document in piece]
        later = [SchemaSighting(name, f"h{number:04}-later", {"b": "null"}, 1) for name in ("a", "step 2", "z")]
        store.write(EventBatch("p", schemas=later))
    keys = [(shape["stepName"], shape["schemaHash"]) for shape in found]
    assert number > 2
    assert keys == sorted(set(keys))
    assert {(sighting.step_name, sighting.schema_hash) for sighting in there} <= set(keys)
