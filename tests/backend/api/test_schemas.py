"""What steps' metadata looks like."""

from tests.backend.api.events import step
from tests.backend.server import Person, assert_refused
from xray_backend.store.base import EventBatch, SchemaSighting
from xray_backend.store.sqlite.store import SqliteStore


def test_the_shapes_of_all_steps_are_merged_or_shown_one_by_one(somebody: Person) -> None:
    seen = [
        step("s1", stepName="filter", metadata={"count": 1, "range": {"min": 1, "max": 2}}),
        step("s2", stepName="filter", metadata={"count": 2, "range": {"min": 0, "max": 5}}),
        step("s3", stepName="filter", metadata={"count": "many"}),
        step("s4", stepName="rank", metadata={"ids": [1], "ok": True, "none": None}),
    ]
    assert somebody.ingest(*seen).json() == {"success": True}
    filtered = {"count": "number|string", "range": {"min": "number", "max": "number"}}
    ranked = {"ids": "array", "ok": "boolean", "none": "null"}
    assert somebody.call("GET", "schemas").json() == {"schema": filtered | ranked}
    assert somebody.call("GET", "schemas?stepName=filter").json() == {"schema": filtered}
    assert somebody.call("GET", "schemas?stepName=none").json() == {"schema": {}}
    detail = somebody.call("GET", "schemas?detail=1").json()
    assert set(detail) == {"schemas"}
    assert [shape["stepName"] for shape in detail["schemas"]].count("filter") == 2
    assert {"stepName", "schemaHash", "schemaShape", "lastSeenAt"} == set(detail["schemas"][0])
    narrowed = somebody.call("GET", "schemas?detail=1&stepName=rank").json()["schemas"]
    assert [shape["schemaShape"] for shape in narrowed] == [ranked]


def test_a_project_without_steps_has_an_empty_schema(somebody: Person) -> None:
    assert somebody.call("GET", "schemas").json() == {"schema": {}}
    assert somebody.call("GET", "schemas?detail=1").json() == {"schemas": []}


def test_a_switch_that_is_neither_on_nor_off_is_refused(person: Person) -> None:
    assert_refused(person.call("GET", "schemas?detail=yes"), 400)


def test_later_shapes_are_in_the_next_answer_whichever_process_stored_them(somebody: Person) -> None:
    somebody.ingest(step("s1", stepName="rank", metadata={"a": 1}))
    assert somebody.call("GET", "schemas").json() == {"schema": {"a": "number"}}
    somebody.ingest(step("s2", stepName="rank", metadata={"a": "x", "b": {"c": None}}))
    assert somebody.call("GET", "schemas").json() == {"schema": {"a": "number|string", "b": {"c": "null"}}}
    other = SqliteStore(somebody.server.data_dir / "xray.db")
    other.write(EventBatch(somebody.project_id, schemas=[SchemaSighting("search", "h", {"d": "array"}, 1)]))
    other.close()
    assert somebody.call("GET", "schemas?stepName=search").json() == {"schema": {"d": "array"}}
    assert set(somebody.call("GET", "schemas").json()["schema"]) == {"a", "b", "d"}
    assert somebody.call("GET", "schemas?stepName=rank").json()["schema"]["a"] == "number|string"


def test_where_keys_are_data_the_answer_says_that_it_does_not_tell_all(somebody: Person) -> None:
    somebody.ingest(step("s1", stepName="plain", metadata={"a": 1}))
    assert somebody.call("GET", "schemas").headers["X-Schema-Complete"] == "true"
    somebody.ingest(step("s2", stepName="wide", metadata={f"id-{n}": 1 for n in range(500)}))
    told = somebody.call("GET", "schemas?stepName=wide")
    assert (len(told.json()["schema"]), told.headers["X-Schema-Complete"]) == (200, "false")
    assert somebody.call("GET", "schemas").headers["X-Schema-Complete"] == "false"
    assert somebody.call("GET", "schemas?stepName=plain").headers["X-Schema-Complete"] == "true"
