"""What steps' metadata looks like."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.backend.api.events import step
from tests.backend.server import Person, assert_refused
from xray_backend.api.large_answers import list_answer
from xray_backend.errors import Unavailable
from xray_backend.store.records import EventBatch, SchemaSighting
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


def test_a_long_list_of_shapes_is_whole_and_has_each_once(somebody: Person) -> None:
    seen = [SchemaSighting(f"step {number % 7}", f"h{number:04}", {"a": "null"}, number) for number in range(1234)]
    other = SqliteStore(somebody.server.data_dir / "xray.db")
    other.write(EventBatch(somebody.project_id, schemas=seen))
    other.close()
    told = somebody.call("GET", "schemas?detail=1").json()["schemas"]
    expected = sorted((sighting.step_name, sighting.schema_hash) for sighting in seen)
    assert [(shape["stepName"], shape["schemaHash"]) for shape in told] == expected
    narrowed = somebody.call("GET", "schemas?detail=1&stepName=step+3").json()["schemas"]
    assert narrowed == [shape for shape in told if shape["stepName"] == "step 3"]


def away_after(pieces: int) -> Iterator[list[bytes]]:
    for _ in range(pieces):
        yield [b"1", b"2"]
    raise Unavailable("The database is away.", retry_after_seconds=1)


def test_a_list_that_cannot_be_read_to_its_end_or_kept_is_refused_before_it_begins(tmp_path: Path) -> None:
    with Flask("lists").app_context():
        for count in (0, 3, 100_000):
            with pytest.raises(Unavailable, match="away"):
                list_answer("ones", away_after(count), tmp_path)
        short, long = [[b"1"]], [[b'"%s"' % (b"x" * 30_000)]] * 3
        with pytest.raises(Unavailable, match="no room"):
            list_answer("ones", long, tmp_path / "missing")
        for pieces, folder in ((short, tmp_path / "missing"), (long, tmp_path)):
            with list_answer("ones", pieces, folder) as answered:
                content = b"".join(answered.iter_encoded())
            assert content == b'{"ones":[' + b",".join(piece[0] for piece in pieces) + b"]}"
            assert answered.content_length == len(content)
    assert list(tmp_path.iterdir()) == []
