"""What MongoDB must not change in what people send, and what it must keep when many write at once."""

import json
import multiprocessing
import os
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from tests.contract.stores import new_database
from xray_backend.errors import ConfigurationError, Unavailable
from xray_backend.ids import new_object_id
from xray_backend.query.sort import Sort
from xray_backend.query.tree import And, Compare, Exists
from xray_backend.store.mongodb.field_names import escaped, escaped_keys, unescaped_keys
from xray_backend.store.mongodb.layout import prepare
from xray_backend.store.mongodb.store import MongoStore
from xray_backend.store.records import EventBatch, StepRecord, TraceEvent

EXAMPLES: Final = int(os.environ.get("XRAY_MONGODB_EXAMPLES", "100"))
WRITERS: Final = 4
EACH: Final = 25

KEYS = st.text(st.sampled_from("ab.$#-0123\0\x01\U0010ffff%/é"), max_size=4)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
METADATA = st.dictionaries(KEYS, VALUES, max_size=4)


@pytest.fixture(scope="module")
def url(mongodb_url):
    with new_database(mongodb_url) as made:
        yield made


@pytest.fixture
def store(url):
    store = MongoStore(url)
    yield store
    store.close()


def step(step_id: str, metadata: Any, trace_id: str = "t") -> StepRecord:
    return StepRecord(step_id, trace_id, "rank", 1, 1.0, False, {"stepName": "rank", "metadata": metadata})


def start(trace_id: str, metadata: Any, at: float = 1.0) -> TraceEvent:
    return TraceEvent(trace_id, "trace-start", at, None, at, None, metadata, {})


@given(METADATA)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_metadata_comes_back_as_the_same_text_whatever_its_keys_and_values(store: MongoStore, metadata: Any) -> None:
    project_id = new_object_id()
    store.write(EventBatch(project_id, steps=[step("s", metadata)], traces=[start("t", metadata)]))
    (found,) = store.query("steps", project_id, And(()), limit=9, after=None).documents
    assert json.dumps(json.loads(found)["metadata"]) == json.dumps(metadata)
    trace = store.trace(project_id, "t")
    assert trace is not None
    assert json.loads(trace)["metadata"] == metadata


@given(st.lists(KEYS, min_size=2, max_size=6, unique=True))
@settings(max_examples=EXAMPLES, deadline=None)
def test_names_are_as_many_as_keys_sort_as_they_do_and_are_read_back(keys: list[str]) -> None:
    names = [escaped(key) for key in keys]
    assert len(set(names)) == len(keys)
    assert not any("\0" in name or "." in name or name.startswith("$") for name in names)
    assert list(unescaped_keys(escaped_keys(dict.fromkeys(keys, 1)))) == keys
    comparable = [key for key in keys if "\0" not in key]
    assert [escaped(key) for key in sorted(comparable, key=str.encode)] == sorted(map(escaped, comparable))


def test_no_path_reaches_a_key_with_a_dot_or_a_dollar(store: MongoStore) -> None:
    store.write(EventBatch("keys", steps=[step("s", {"a.b": 1, "$c": 1, "": 1, "d": {"$e": 1, "f.g": 1}})]))
    for path in (("metadata", "a", "b"), ("metadata", "d", "f", "g")):
        assert store.count("steps", "keys", Exists(path)) == 0
    assert store.count("steps", "keys", Compare(("metadata", "d"), "eq", {"$e": 1, "f.g": 1})) == 1


def test_one_event_of_a_batch_with_strange_keys_costs_no_other(store: MongoStore) -> None:
    steps = [step(f"s{number}", {"$set": {"x": {"$ref": number}}} if number == 3 else {}) for number in range(9)]
    assert store.write(EventBatch("strange", steps=steps)).stored == 9
    assert store.write(EventBatch("strange", steps=steps)).repeated == 9


def _merge_keys(url: str, number: int, started: Any) -> None:
    store = MongoStore(url)
    started.wait()
    for place in range(EACH):
        store.write(EventBatch("shared", traces=[start("t", {f"k{number}-{place}": place}, at=1000.0 - place)]))
    store.close()


def test_processes_that_write_one_trace_at_once_lose_no_field(url: str, store: MongoStore) -> None:
    context = multiprocessing.get_context("spawn")
    started = context.Barrier(WRITERS)
    writers = [context.Process(target=_merge_keys, args=(url, number, started)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    trace = store.trace("shared", "t")
    assert trace is not None
    assert set(json.loads(trace)["metadata"]) == {f"k{n}-{place}" for n in range(WRITERS) for place in range(EACH)}
    assert json.loads(trace)["createdAt"] == "1970-01-01T00:00:00.976Z"


def test_pages_by_a_field_that_holds_arrays_come_to_an_end(store: MongoStore) -> None:
    values: list[Any] = [[1, 100], [], None, [{"b": 1}], "x", [[1]], 7, [5], True, [None, 3], {"b": [2]}, 7, 7]
    store.write(EventBatch("arrays", steps=[step(f"s{n}", {"v": value}) for n, value in enumerate(values)]))
    for path in (("metadata", "v"), ("metadata", "v", "b")):
        for direction in (1, -1):
            after, pages = None, 0
            while pages == 0 or after is not None:
                sort = Sort(path, direction)  # type: ignore[arg-type]
                after = store.query("steps", "arrays", And(()), sort=sort, limit=1, after=after).next_position
                pages += 1
                assert pages <= len(values)


def test_preparing_again_makes_nothing_and_says_so(mongodb_url: str) -> None:
    with new_database(mongodb_url) as url:
        assert prepare(url) == ["All collections and indexes of MongoDB are there."]
        with MongoClient(url) as client:
            indexes = client.get_default_database()["steps"].index_information()
    assert {"newest", "by_trace", "by_name", "running"} < set(indexes)
    assert any("$**" in dict(index["key"]) for index in indexes.values())


def test_a_database_that_is_away_is_unavailable_and_no_secret_is_told() -> None:
    url = "mongodb://user:hidden@127.0.0.1:1/xray?serverSelectionTimeoutMS=50"
    store = MongoStore(url)
    with pytest.raises(Unavailable) as caught:
        store.write(EventBatch("p", steps=[step("s", {})]))
    assert caught.value.retry_after_seconds
    assert "hidden" not in f"{caught.value!r} {store!r} {vars(store)}"
    store.close()


@pytest.mark.parametrize("url", ["mongodb://u:hidden@/xray", "mongodb://u:hidden@host:x/xray", "mongodb://h/x?w=0"])
def test_a_wrong_url_is_told_without_its_secrets(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        MongoStore(url).ping()
    assert "hidden" not in str(caught.value)
