"""Questions over steps and traces, through HTTP; what each operator means is tested beside the query language."""

from typing import Any

import pytest

from tests.backend.api.events import NOW, NOW_MS, step, trace_failure, trace_start
from tests.backend.server import Person, Server, assert_refused, call, new_person


@pytest.fixture(scope="module")
def recorded(server: Server) -> Person:
    somebody = new_person(server)
    runs = [
        step(
            f"s{index}",
            f"t{index}",
            timestamp=NOW_MS + index,
            metadata={"keywordCount": index, "nested": {"name": f"n{index % 2}"}, "tags": ["a", f"b{index}"]},
            inputs={"context": {"type": "list", "length": index % 3, "bytes": 2}},
            artifacts=[{"dataId": f"d{index}", "type": kind, "key": "k"} for kind in ("input", "output")],
        )
        for index in range(10)
    ]
    traces = [trace_start("t1", metadata={"useCase": "demo"}), trace_failure("t2", failureMetadata={"code": 7})]
    assert somebody.ingest(*runs, *traces).json() == {"success": True}
    return somebody


def found(recorded: Person, condition: dict[str, Any], path: str = "query") -> list[str]:
    answered = recorded.call("POST", path, json={"filter": condition})
    assert answered.status_code == 200, answered.text
    return [document["stepId" if path == "query" else "traceId"] for document in answered.json()["results"]]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"metadata.keywordCount": 5}, ["s5"]),
        ({"metadata.keywordCount": {"$gt": 7}}, ["s9", "s8"]),
        ({"metadata.keywordCount": {"$gte": 2, "$lt": 4}}, ["s3", "s2"]),
        ({"metadata.keywordCount": {"$in": [1, 4, "5"]}}, ["s4", "s1"]),
        ({"metadata.keywordCount": {"$nin": [0, 1, 2, 3, 4, 5, 6, 7]}}, ["s9", "s8"]),
        ({"metadata.nested.name": "n1", "metadata.keywordCount": {"$lte": 3}}, ["s3", "s1"]),
        ({"metadata.tags": "b3"}, ["s3"]),
        ({"metadata.none": {"$exists": True}}, []),
        ({"$or": [{"stepId": "s1"}, {"traceId": "t2"}]}, ["s2", "s1"]),
        ({"$and": [{"stepName": "rank"}, {"metadata.keywordCount": {"$ne": 9}}, {"stepId": {"$gt": "s7"}}]}, ["s8"]),
        ({"inputs.context.length": 0, "metadata.keywordCount": {"$lt": 7}}, ["s6", "s3", "s0"]),
        ({"timestamp": {"$gt": "2026-01-11T16:55:21.020Z"}}, ["s9", "s8"]),
        ({"timestamp": NOW_MS + 3}, ["s3"]),
        ({"metadata.keywordCount": {"$eq": 5.0}}, ["s5"]),
        ({"$nor": [{"metadata.keywordCount": {"$lt": 8}}, {"stepId": "s9"}]}, ["s8"]),
        ({"metadata.keywordCount": {"$not": {"$lt": 8}}}, ["s9", "s8"]),
        ({"timestamp": {"$not": {"$lt": "2026-01-11T16:55:21.021Z"}}}, ["s9", "s8"]),
        ({"metadata.tags": {"$size": 2}, "stepId": "s1"}, ["s1"]),
        ({"metadata.tags": {"$all": ["b4", "a"]}}, ["s4"]),
        ({"metadata.tags": {"$elemMatch": {"$gt": "b7", "$lt": "b9"}}}, ["s8"]),
        ({"metadata.tags": {"$all": [{"$elemMatch": {"$gt": "b8"}}, {"$elemMatch": {"$eq": "a"}}]}}, ["s9"]),
        ({"artifacts": {"$elemMatch": {"dataId": "d1", "$or": [{"type": "input"}, {"key": "x"}]}}}, ["s1"]),
        ({"metadata.tags": {"$regex": "^B[12]$", "$options": "i"}}, ["s2", "s1"]),
        ({"metadata.nested.name": {"$type": "string"}, "metadata.keywordCount": {"$type": 16, "$gt": 8}}, ["s9"]),
        ({"timestamp": {"$type": "date"}, "_id": {"$type": "objectId"}, "stepId": "s1"}, ["s1"]),
        ({"timestamp": {"$type": "string"}}, []),
    ],
)
def test_steps_are_found_by_any_field_newest_first(
    recorded: Person, condition: dict[str, Any], expected: list[str]
) -> None:
    assert found(recorded, condition) == expected


def test_traces_are_found_by_any_field(recorded: Person) -> None:
    assert found(recorded, {"metadata.useCase": "demo"}, "traces/query") == ["t1"]
    assert found(recorded, {"status": "failure", "failureMetadata.code": 7}, "traces/query") == ["t2"]
    assert len(found(recorded, {"status": "pending"}, "traces/query")) == 9
    assert found(recorded, {"failureMetadata.code": {"$type": ["int"]}, "endedAt": {"$type": 9}}, "traces/query") == [
        "t2"
    ]
    assert found(recorded, {"status": {"$regex": "^fail"}}, "traces/query") == ["t2"]


def test_a_result_has_the_contracts_shape(recorded: Person) -> None:
    answered = recorded.call("POST", "query", json={"filter": {"stepId": "s0"}}).json()
    assert set(answered) == {"results", "nextCursor"}
    result = answered["results"][0]
    assert result["timestamp"] == NOW
    assert result["inputs"] == {"context": {"type": "list", "length": 0, "bytes": 2}}
    assert {"_id", "stepId", "traceId", "projectId", "type", "stepName", "stepNumber", "artifacts", "__v"} < set(result)


def test_pages_meet_also_while_new_steps_arrive(server: Server) -> None:
    somebody = new_person(server)
    assert somebody.ingest(*[step(f"p{index}", timestamp=NOW_MS + index // 3) for index in range(25)]).ok
    seen: list[str] = []
    cursor = None
    for page in range(3):
        body = {"filter": {"stepName": "rank"}, "limit": 10} | ({"cursor": cursor} if cursor else {})
        answered = somebody.call("POST", "query", json=body).json()
        seen += [result["stepId"] for result in answered["results"]]
        cursor = answered["nextCursor"]
        assert somebody.ingest(step(f"new{page}", timestamp=NOW_MS + 1000 + page)).ok
    assert len(seen) == len(set(seen)) == 25
    assert cursor is None


def test_a_cursor_is_good_for_its_own_query_alone(recorded: Person, somebody: Person) -> None:
    body = {"filter": {"stepName": "rank"}, "limit": 2}
    cursor = recorded.call("POST", "query", json=body).json()["nextCursor"]
    good = recorded.call("POST", "query", json=body | {"cursor": cursor, "limit": 1})
    assert [result["stepId"] for result in good.json()["results"]] == ["s7"]
    other = {"filter": {"stepName": {"$ne": "x"}}, "cursor": cursor}
    assert_refused(recorded.call("POST", "query", json=other), 400)
    assert_refused(recorded.call("POST", "traces/query", json=body | {"cursor": cursor}), 400)
    assert_refused(somebody.call("POST", "query", json=body | {"cursor": cursor}), 400)


def test_a_filter_cannot_reach_into_another_project(recorded: Person, somebody: Person) -> None:
    assert somebody.ingest(step("other")).ok
    theirs = {"projectId": somebody.project_id}
    assert found(recorded, theirs) == []
    assert found(recorded, {"$or": [theirs, {"stepId": "other"}]}) == []
    assert found(recorded, {"projectId": {"$exists": True}, "stepId": "s1"}) == ["s1"]


DEEP: dict[str, Any] = {"stepName": "x"}
for _ in range(60):
    DEEP = {"$and": [DEEP]}

BAD_QUERIES: dict[str, object] = {
    "no filter": {},
    "filter null": {"filter": None},
    "filter a list": {"filter": []},
    "filter a string": {"filter": "x"},
    "filter a number": {"filter": 5},
    "no object": [],
    "limit 0": {"filter": {}, "limit": 0},
    "limit 101": {"filter": {}, "limit": 101},
    "limit negative": {"filter": {}, "limit": -1},
    "limit a string": {"filter": {}, "limit": "5"},
    "limit a fraction": {"filter": {}, "limit": 1.5},
    "limit true": {"filter": {}, "limit": True},
    "cursor a number": {"filter": {}, "cursor": 5},
    "cursor nonsense": {"filter": {}, "cursor": "x"},
    "cursor empty": {"filter": {}, "cursor": ""},
    "an unknown field": {"filter": {}, "skip": 5},
    "$where": {"filter": {"$where": "sleep(1000)"}},
    "$where inside": {"filter": {"$or": [{"$where": "1"}]}},
    "$where below a path": {"filter": {"metadata.a": {"$where": "1"}}},
    "$function": {"filter": {"$function": {}}},
    "$expr": {"filter": {"$expr": {"$eq": [1, 1]}}},
    "$text": {"filter": {"$text": {"$search": "x"}}},
    "an operator that is none": {"filter": {"metadata.a": {"$foo": 1}}},
    "$not of nothing": {"filter": {"metadata.a": {"$not": {}}}},
    "$elemMatch no object": {"filter": {"metadata.a": {"$elemMatch": 1}}},
    "$size negative": {"filter": {"metadata.a": {"$size": -1}}},
    "$all no list": {"filter": {"metadata.a": {"$all": "x"}}},
    "$type of no type": {"filter": {"metadata.a": {"$type": "text"}}},
    "$options alone": {"filter": {"metadata.a": {"$options": "i"}}},
    "$regex with a look-ahead": {"filter": {"metadata.a": {"$regex": "(?=x)"}}},
    "$regex with a back-reference": {"filter": {"metadata.a": {"$regex": "(x)\\1"}}},
    "$regex too long": {"filter": {"metadata.a": {"$regex": "x" * 2000}}},
    "$regex too large": {"filter": {"metadata.a": {"$regex": "(x{100}){100}"}}},
    "$or empty": {"filter": {"$or": []}},
    "$or no list": {"filter": {"$or": {}}},
    "$in no list": {"filter": {"metadata.a": {"$in": 5}}},
    "$in too long": {"filter": {"metadata.a": {"$in": list(range(100_000))}}},
    "too deep": {"filter": DEEP},
    "too many clauses": {"filter": {"$or": [{"metadata.a": index} for index in range(10_000)]}},
    "a path that starts nowhere": {"filter": {"password_hash": 1}},
    "an empty path": {"filter": {"": 1}},
    "a path of dots": {"filter": {"..": 1}},
    "a path too long": {"filter": {"metadata." + "a" * 10_000: 1}},
    "no date": {"filter": {"timestamp": {"$gt": "yesterday"}}},
}


@pytest.mark.parametrize("path", ["query", "traces/query"])
@pytest.mark.parametrize("name", BAD_QUERIES)
def test_a_bad_query_is_refused(recorded: Person, name: str, path: str) -> None:
    sentence = assert_refused(recorded.call("POST", path, json=BAD_QUERIES[name]), 400)
    assert len(sentence) < 400
    if name.startswith("$") and " " not in name:
        assert name in sentence


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff", b'{"filter":{"metadata.a":NaN}}', b'{"filter":{"metadata.a":"\\ud800"}}',
        b'{"filter":{},"filter":{}}', b'{"filter":{"metadata.a":1,"metadata.a":2}}', b'{"filter":' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_query_that_is_no_json_is_refused(recorded: Person, body: bytes) -> None:
    url = f"{recorded.server.base_url}/api/v1/projects/{recorded.project_id}/query"
    assert_refused(call("POST", url, token=recorded.token, body=body), 400)
