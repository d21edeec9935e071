"""Orders, counts and cursors through HTTP, with the real server and its indexer."""

import random
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.backend.api.events import NOW_MS, step, trace_start
from tests.backend.server import Person, Server, assert_refused, new_person

STAYING = 150
BURST = 600
"""Steps between two pages: more than the rows that wait for the index, so that blocks are made meanwhile."""

SORTS = [
    None,
    {"timestamp": 1},
    {"timestamp": -1},
    {"_id": 1},
    {"metadata.score": -1},
    {"metadata.group": 1},
    {"metadata.maybe": -1},
    {"stepName": 1},
]


def random_steps(names: Iterator[str], number: int, seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    found = []
    for _ in range(number):
        metadata: dict[str, Any] = {"score": chance.random(), "group": chance.choice("abc")}
        if chance.random() < 0.5:
            metadata["maybe"] = chance.choice([1, "1", None, {"k": 1}, "long " * 30 + chance.choice("ab")])
        name, at = next(names), NOW_MS + chance.randint(0, 50)
        found.append(step(name, timestamp=at, metadata=metadata, stepName=chance.choice("xyz")))
    return found


@pytest.mark.parametrize("sort", SORTS, ids=str)
def test_steps_that_stay_come_once_each_while_blocks_are_made_of_others(
    server: Server, sort: dict[str, int] | None
) -> None:
    somebody = new_person(server)
    new = (f"new-{number}" for number in count())
    assert somebody.ingest(*random_steps((f"stays-{number}" for number in count()), STAYING, 1)).ok
    asked: dict[str, Any] = {"filter": {"metadata.score": {"$gte": 0}}, "limit": 100}
    if sort is not None:
        asked["sort"] = sort
    seen: list[str] = []
    cursor: str | None = None
    for page in count():
        answered = somebody.call("POST", "query", json=asked | ({"cursor": cursor} if cursor else {}))
        assert answered.status_code == 200, answered.text
        seen += [result["stepId"] for result in answered.json()["results"]]
        cursor = answered.json()["nextCursor"]
        if cursor is None:
            break
        if page < 3:
            assert somebody.ingest(*random_steps(new, BURST, page)).ok
    stayed = [name for name in seen if name.startswith("stays")]
    assert len(stayed) == len(set(stayed)) == STAYING
    assert len(seen) == len(set(seen))


def test_a_sort_is_the_order_of_its_field_and_a_cursor_is_bound_to_it(server: Server) -> None:
    somebody = new_person(server)
    assert somebody.ingest(*[step(f"s{n}", metadata={"v": n * 7 % 10}) for n in range(10)]).ok
    asked = {"filter": {}, "sort": {"metadata.v": -1}, "limit": 4}
    first = somebody.call("POST", "query", json=asked).json()
    assert [result["metadata"]["v"] for result in first["results"]] == [9, 8, 7, 6]
    second = somebody.call("POST", "query", json=asked | {"cursor": first["nextCursor"]}).json()
    assert [result["metadata"]["v"] for result in second["results"]] == [5, 4, 3, 2]
    for other in ({"metadata.v": 1}, {"metadata.w": -1}, None):
        changed = asked | {"cursor": first["nextCursor"], "sort": other}
        assert_refused(somebody.call("POST", "query", json=changed), 400)


def test_a_count_comes_only_when_it_is_asked_for(server: Server) -> None:
    somebody = new_person(server)
    assert somebody.ingest(trace_start("t0"), *[step(f"s{n}", "t0", metadata={"n": n}) for n in range(30)]).ok
    asked = {"filter": {"metadata.n": {"$lt": 12}}, "limit": 5}
    assert "count" not in somebody.call("POST", "query", json=asked).json()
    answered = somebody.call("POST", "query", json=asked | {"count": True}).json()
    assert answered["count"] == 12
    assert len(answered["results"]) == 5
    assert somebody.call("POST", "traces/query", json={"filter": {}, "count": True}).json()["count"] == 1


@pytest.mark.parametrize(
    "sort",
    [
        {},
        [],
        "timestamp",
        {"a": 1},
        {"metadata.a": 0},
        {"metadata.a": 2},
        {"metadata.a": "asc"},
        {"metadata.a": True},
        {"metadata.a": {"$meta": "textScore"}},
        {"metadata.a": 1, "metadata.b": 1},
        {"metadata..a": 1},
        {"$natural": 1},
        {"password_hash": 1},
    ],
    ids=str,
)
def test_an_order_that_is_none_is_refused_with_a_sentence(somebody: Person, sort: object) -> None:
    for path in ("query", "traces/query"):
        assert_refused(somebody.call("POST", path, json={"filter": {}, "sort": sort}), 400)


def test_a_count_that_is_no_boolean_is_refused(somebody: Person) -> None:
    assert_refused(somebody.call("POST", "query", json={"filter": {}, "count": 1}), 400)
