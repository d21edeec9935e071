"""Recording: what is taken, what is refused, and that one never costs the other."""

import gzip
import zlib
from typing import Any

import msgspec
import pytest
import requests

from tests.backend.api.events import NOW, data, step, step_error, trace_error, trace_failure, trace_start, trace_success
from tests.backend.server import Person, assert_refused

GOOD = step("good")


def post(person: Person, body: Any, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return person.server.call("POST", "/api/v1/ingest", key=person.key, body=body, headers=named)


def test_all_valid_events_are_taken_and_can_be_read_at_once(somebody: Person) -> None:
    answered = somebody.ingest(
        trace_start(metadata={"useCase": "benchmark"}),
        step(metadata={"keywordCount": 5}, artifacts=[{"dataId": "data-1", "type": "input", "key": "context"}]),
        data(content="[]", contentType="application/json"),
        step_error("step-2", stepName=None, stepNumber=None),
        trace_error("step-3"),
        trace_success(successMetadata={"selectedId": "b1"}),
    )
    assert (answered.status_code, answered.json()) == (200, {"success": True})
    shown = somebody.call("GET", "traces/trace-1").json()
    assert shown["trace"]["status"] == "success"
    assert shown["trace"]["metadata"] == {"useCase": "benchmark"}
    assert shown["trace"]["successMetadata"] == {"selectedId": "b1"}
    assert [found["stepId"] for found in shown["steps"]] == ["step-1", "step-2", "step-3"]
    assert [found["type"] for found in shown["steps"]] == ["step", "step-error", "trace-error"]
    first = shown["steps"][0]
    assert first["timestamp"] == NOW
    assert first["projectId"] == somebody.project_id
    assert first["__v"] == 0
    assert len(first["_id"]) == len(first["artifacts"][0]["_id"]) == 24
    assert [record["dataId"] for record in shown["data"]] == ["data-1"]
    assert shown["nextCursor"] is None


def test_sending_the_same_request_again_changes_nothing(somebody: Person) -> None:
    events = [trace_start(), step(metadata={"a": 1}), data(content="x"), trace_failure(failureMetadata={"why": "no"})]
    assert somebody.ingest(*events).status_code == 200
    before = somebody.call("GET", "traces/trace-1").json()
    assert somebody.ingest(*events).json() == {"success": True}
    assert somebody.ingest(step(metadata={"a": 2})).json() == {"success": True}
    assert somebody.call("GET", "traces/trace-1").json() == before


def test_a_gzip_body_is_taken_also_of_several_members(somebody: Person) -> None:
    body = msgspec.json.encode({"events": [step()]})
    halves = gzip.compress(body[:20]) + gzip.compress(body[20:])
    assert post(somebody, halves, Content_Encoding="gzip").json() == {"success": True}
    assert len(somebody.steps({})) == 1


def test_a_body_that_comes_in_chunks_of_unknown_number_is_taken(somebody: Person) -> None:
    body = msgspec.json.encode({"events": [step()]})
    assert post(somebody, iter([body[:10], body[10:]]), Content_Type="application/json").json() == {"success": True}


def test_the_project_is_the_keys_whatever_an_event_says(somebody: Person, person: Person) -> None:
    assert somebody.ingest(step("claimed", projectId=person.project_id)).status_code == 200
    assert [found["projectId"] for found in somebody.steps({"stepId": "claimed"})] == [somebody.project_id]
    assert person.steps({"stepId": "claimed"}) == []


DEEP: dict[str, Any] = {}
for _ in range(60):
    DEEP = {"d": DEEP}

BAD_EVENTS: dict[str, object] = {
    "no object": 5,
    "null": None,
    "a list": [],
    "empty": {},
    "unknown type": step(type="stepp"),
    "type of another type": step(type=3),
    "type missing": {name: value for name, value in GOOD.items() if name != "type"},
    "stepId missing": {name: value for name, value in GOOD.items() if name != "stepId"},
    "traceId missing": {name: value for name, value in GOOD.items() if name != "traceId"},
    "stepName missing": {name: value for name, value in GOOD.items() if name != "stepName"},
    "stepNumber missing": {name: value for name, value in GOOD.items() if name != "stepNumber"},
    "timestamp missing": {name: value for name, value in GOOD.items() if name != "timestamp"},
    "stepId null": step(stepId=None),
    "stepId a number": step(stepId=1),
    "stepId empty": step(""),
    "stepId ..": step(".."),
    "stepId a path": step("../../etc/passwd"),
    "stepId too long": step("x" * 201),
    "stepId with a line break": step("a\n"),
    "stepId with NUL": step("a\x00b"),
    "stepId not ASCII": step("schritt-ä"),
    "traceId ..": step(traceId=".."),
    "traceId a list": step(traceId=["x"]),
    "parentStepId ..": step(parentStepId=".."),
    "stepName a number": step(stepName=1),
    "stepName too long": step(stepName="x" * 100_000),
    "stepNumber a string": step(stepNumber="1"),
    "stepNumber a fraction": step(stepNumber=1.5),
    "stepNumber true": step(stepNumber=True),
    "stepNumber negative": step(stepNumber=-1),
    "stepNumber beyond 64 bits": step(stepNumber=2**70),
    "timestamp negative": step(timestamp=-1),
    "timestamp far away": step(timestamp=1e300),
    "timestamp no time": step(timestamp="yesterday"),
    "timestamp without offset": step(timestamp="2026-01-11T16:55:21"),
    "timestamp true": step(timestamp=True),
    "durationMs negative": step(durationMs=-0.5),
    "durationMs a string": step(durationMs="5"),
    "metadata a list": step(metadata=[]),
    "metadata a string": step(metadata="x"),
    "metadata too deep": step(metadata=DEEP),
    "inputs a list": step(inputs=[]),
    "output a string": step(output="x"),
    "artifacts an object": step(artifacts={}),
    "artifact without id": step(artifacts=[{"type": "input"}]),
    "artifact id ..": step(artifacts=[{"dataId": ".."}]),
    "artifact of unknown type": step(artifacts=[{"dataId": "d", "type": "inout"}]),
    "pending a string": step(pending="yes"),
    "too large": step(metadata={"text": "x" * 300_000}),
    "createdAt missing": {"type": "trace-start", "traceId": "t"},
    "createdAt negative": trace_start(createdAt=-5),
    "name a number": trace_start(name=5),
    "endedAt missing": {"type": "trace-success", "traceId": "t"},
    "endedAt an object": trace_failure(endedAt={}),
    "successMetadata a list": trace_success(successMetadata=[]),
    "failureMetadata a string": trace_failure(failureMetadata="x"),
    "data without key": {"type": "data", "dataId": "d", "traceId": "t"},
    "dataId ..": data(".."),
    "dataId a path": data("a/b"),
    "foreign dataPath": data(dataPath="other-project/data-1"),
    "dataPath that climbs": data(dataPath="../data-1"),
    "content an object": data(content={}),
    "content no base64": data(content="%%%", contentEncoding="base64"),
    "contentEncoding unknown": data(content="x", contentEncoding="rot13"),
    "content too large": data(content="x" * (16 * 1024 + 1)),
    "sizeBytes wrong": data(content="x", sizeBytes=2),
    "sizeBytes negative": data(sizeBytes=-1),
    "sha256 wrong": data(content="x", sha256="0" * 64),
    "sha256 no hash": data(sha256="xyz"),
    "contentType with a line break": data(contentType="text/html\r\nX-Evil: 1"),
}


@pytest.mark.parametrize("name", BAD_EVENTS)
def test_a_bad_event_is_refused_by_itself_and_the_rest_of_the_batch_is_stored(person: Person, name: str) -> None:
    good = f"beside-{list(BAD_EVENTS).index(name)}"
    answered = person.record("/ingest", {"events": [step(good), BAD_EVENTS[name], step(f"{good}-too")]})
    assert answered.status_code == 200, answered.text
    content = answered.json()
    assert (content["success"], content["accepted"]) == (True, 2)
    assert [entry["index"] for entry in content["rejected"]] == [1]
    assert content["rejected"][0]["error"].endswith(".")
    assert len(content["rejected"][0]["error"]) < 300
    assert len(person.steps({"stepId": {"$in": [good, f"{good}-too"]}})) == 2


@pytest.mark.parametrize("name", ["no object", "stepId ..", "timestamp negative", "foreign dataPath"])
def test_where_no_event_is_valid_nothing_is_taken(person: Person, name: str) -> None:
    answered = person.record("/ingest", {"events": [BAD_EVENTS[name]]})
    assert_refused(answered, 400)
    assert [entry["index"] for entry in answered.json()["details"]["rejected"]] == [0]


def raw_step(name: str, metadata: bytes) -> bytes:
    return msgspec.json.encode(step(name)).removesuffix(b"}") + b',"metadata":' + metadata + b"}"


@pytest.mark.parametrize(
    "metadata",
    [
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":"\\ud800"}',
        b'{"\\udc00":1}',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"\\u0062":2}}',
    ],
    ids=["NaN", "Infinity", "lone surrogate", "lone surrogate in a key", "duplicate key", "duplicate key by escape"],
)
def test_what_is_not_quite_json_inside_one_event_costs_that_event_alone(person: Person, metadata: bytes) -> None:
    good = f"near-{abs(hash(metadata))}"
    events = b",".join([raw_step("bad", metadata), raw_step(good, b'{"a":1}')])
    answered = post(person, b'{"events":[' + events + b"]}")
    assert answered.status_code == 200, answered.text
    assert [entry["index"] for entry in answered.json()["rejected"]] == [0]
    assert len(person.steps({"stepId": good})) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"nonsense", b"\xff\xfe", b"null", b"[]", b'"events"', b"{}", b'{"events":null}', b'{"events":{}}',
        b'{"events":[]}', b'{"events":5}', b'{"event":[]}', b'{"events":[],"events":[]}', b'{"events":[{}]} x',
        b"[" * 100_000, b'{"events":' + b"[" * 100_000, b'{"events":[{"a":1},]}',
    ],
)  # fmt: skip
def test_a_body_of_another_shape_is_refused_whole(person: Person, body: bytes) -> None:
    assert_refused(post(person, body), 400)


def test_too_many_events_are_refused_whole(person: Person) -> None:
    assert_refused(person.ingest(*[step(f"many-{index}") for index in range(1001)]), 413)
    assert person.steps({"stepId": "many-0"}) == []


def test_a_body_of_ten_megabytes_is_refused_also_in_chunks_and_the_next_request_is_answered(person: Person) -> None:
    body = b'{"events":[' + b" " * 10_000_000 + b"]}"
    assert_refused(post(person, body), 413)
    assert_refused(post(person, iter([body[:5_000_000], body[5_000_000:]])), 413)
    assert person.ingest(step("after-large")).status_code == 200


def test_a_gzip_bomb_is_stopped_at_the_limit(person: Person) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b" " * 2**20) for _ in range(1024)) + packer.flush()
    assert len(bomb) < 2 * 2**20
    assert_refused(post(person, bomb, Content_Encoding="gzip"), 413)
    many = gzip.compress(b" " * 2**20) * 8
    assert_refused(post(person, many, Content_Encoding="gzip"), 413)


@pytest.mark.parametrize("cut", [0, 5, 20, -1])
def test_broken_gzip_is_refused(person: Person, cut: int) -> None:
    whole = gzip.compress(msgspec.json.encode({"events": [GOOD]}))
    assert_refused(post(person, whole[:cut], Content_Encoding="gzip"), 400)
    assert_refused(post(person, whole[:30] + b"\x00" + whole[31:], Content_Encoding="gzip"), 400)
    assert_refused(post(person, whole + b"tail", Content_Encoding="gzip"), 400)
    assert_refused(post(person, b'{"events":[]}', Content_Encoding="gzip"), 400)


def test_a_gzip_body_of_very_many_members_is_refused_without_reading_them(person: Person) -> None:
    members = gzip.compress(b"") * 200_000
    assert "members" in assert_refused(post(person, members, Content_Encoding="gzip"), 400)


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd", "gzip, gzip", "x"])
def test_another_encoding_is_refused(person: Person, encoding: str) -> None:
    assert "gzip" in assert_refused(post(person, b"{}", Content_Encoding=encoding), 415)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "x", ""])
def test_another_content_type_is_refused(person: Person, content_type: str) -> None:
    body = msgspec.json.encode({"events": [GOOD]})
    assert "application/json" in assert_refused(post(person, body, Content_Type=content_type), 415)


def test_json_with_a_character_set_named_is_taken(somebody: Person) -> None:
    body = msgspec.json.encode({"events": [GOOD]})
    assert post(somebody, body, Content_Type="application/json; charset=utf-8").status_code == 200
