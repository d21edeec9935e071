"""What steps' metadata looks like."""

from tests.backend.api.events import step
from tests.backend.server import Person, assert_refused


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
