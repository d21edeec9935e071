"""Projects, their keys, and who may touch them."""

import re
import uuid

import pytest

from tests.backend.api.events import step
from tests.backend.server import Person, Server, assert_refused

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_a_project_is_made_listed_and_shown_in_the_contracts_shape(somebody: Person) -> None:
    made = somebody.call("POST", "/api/v1/projects", json={"name": "Mein Projekt ✓"})
    assert made.status_code == 200
    project = made.json()["project"]
    assert set(project) == {"projectId", "name", "_id", "createdAt", "updatedAt", "__v"}
    assert uuid.UUID(project["projectId"])
    assert re.fullmatch(r"[0-9a-f]{24}", project["_id"])
    assert ISO.fullmatch(project["createdAt"])
    assert ISO.fullmatch(project["updatedAt"])
    assert project["__v"] == 0
    assert project["name"] == "Mein Projekt ✓"
    listed = somebody.call("GET", "/api/v1/projects").json()["projects"]
    assert [entry["projectId"] for entry in listed] == [somebody.project_id, project["projectId"]]
    shown = somebody.call("GET", f"/api/v1/projects/{project['projectId']}").json()
    assert shown == {"project": project | {"retentionDays": None}}


def test_a_project_is_renamed_and_keeps_its_data_for_as_long_as_its_owner_says(somebody: Person) -> None:
    before = somebody.call("GET", "").json()["project"]
    renamed = somebody.call("PATCH", "", json={"name": "Umbenannt"})
    assert renamed.status_code == 200
    project = renamed.json()["project"]
    assert project == before | {"name": "Umbenannt", "updatedAt": project["updatedAt"]}
    assert project["updatedAt"] >= before["updatedAt"]
    assert somebody.call("PATCH", "", json={"retentionDays": 30}).json()["project"]["retentionDays"] == 30
    both = somebody.call("PATCH", "", json={"name": "Again", "retentionDays": None}).json()["project"]
    assert (both["name"], both["retentionDays"]) == ("Again", None)
    assert somebody.call("GET", "").json() == {"project": both}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": None},
        {"name": "x" * 201},
        {"retentionDays": 0},
        {"retentionDays": -1},
        {"retentionDays": 36_501},
        {"retentionDays": 1.5},
        {"retentionDays": "30"},
        {"retentionDays": True},
        {"retentiondays": 30},
        {"name": "Fine", "projectId": "another"},
    ],
)
def test_a_change_that_cannot_be_changes_nothing(person: Person, body: object) -> None:
    before = person.call("GET", "").json()
    assert_refused(person.call("PATCH", "", json=body), 400)
    assert person.call("GET", "").json() == before


def test_a_key_is_shown_once_and_then_only_its_beginning(somebody: Person) -> None:
    made = somebody.call("POST", "keys", json={"name": "App"})
    assert made.status_code == 200
    key = made.json()["apiKey"]
    assert set(key) == {"id", "key", "name"}
    assert re.fullmatch(r"xray_sk_[A-Za-z0-9]{32}", key["key"])
    listed = somebody.call("GET", "keys")
    entry = listed.json()["apiKeys"][-1]
    assert set(entry) == {"id", "name", "prefix", "createdAt", "lastUsedAt", "isActive"}
    assert (entry["id"], entry["name"], entry["lastUsedAt"], entry["isActive"]) == (key["id"], "App", None, True)
    assert key["key"].startswith(entry["prefix"])
    assert len(entry["prefix"]) < len(key["key"]) / 2
    assert key["key"] not in listed.text


def test_a_key_that_was_used_says_when(somebody: Person) -> None:
    assert somebody.ingest(step()).status_code == 200
    entry = somebody.call("GET", "keys").json()["apiKeys"][0]
    assert ISO.fullmatch(entry["lastUsedAt"])


def test_a_revoked_key_stops_working_and_stays_listed(somebody: Person) -> None:
    assert somebody.ingest(step()).status_code == 200
    revoked = somebody.call("DELETE", f"keys/{somebody.key_id}")
    assert (revoked.status_code, revoked.json()) == (200, {"success": True})
    assert_refused(somebody.ingest(step("step-2")), 401)
    assert_refused(somebody.record("/presign", {"dataId": "d", "traceId": "t", "key": "k"}), 401)
    assert [entry["isActive"] for entry in somebody.call("GET", "keys").json()["apiKeys"]] == [False]
    assert somebody.call("DELETE", f"keys/{somebody.key_id}").status_code == 200


def test_a_key_of_another_project_cannot_be_revoked(person: Person, somebody: Person) -> None:
    assert_refused(somebody.call("DELETE", f"keys/{person.key_id}"), 404)
    assert_refused(somebody.call("DELETE", "keys/nothing"), 404)
    assert person.ingest(step("still-works")).status_code == 200


@pytest.mark.parametrize(
    "key", ["", "xray_sk_", "xray_sk_" + "A" * 32, "x" * 5_000, "' OR 1=1 --", "xray_sk_é" + "A" * 31]
)
def test_what_is_no_key_records_nothing(server: Server, key: str) -> None:
    headers = {"x-api-key": key.encode()}
    assert_refused(server.call("POST", "/api/v1/ingest", headers=headers, json={"events": [step()]}), 401)


def test_a_token_is_no_key_and_a_key_is_no_token(server: Server, person: Person) -> None:
    assert_refused(server.call("POST", "/api/v1/ingest", token=person.token, json={"events": [step()]}), 401)
    assert_refused(server.call("GET", f"/api/v1/projects/{person.project_id}", key=person.key), 401)
    assert_refused(server.call("GET", f"/api/v1/projects/{person.project_id}", token=person.key), 401)


IN_A_PROJECT = [
    ("GET", "", None),
    ("PATCH", "", {"name": "Mine now"}),
    ("GET", "/members", None),
    ("POST", "/members", {"email": "nobody@example.org"}),
    ("DELETE", "/members/nobody", None),
    ("GET", "/keys", None),
    ("POST", "/keys", {"name": "Mine now"}),
    ("DELETE", "/keys/{key_id}", None),
    ("GET", "/traces", None),
    ("GET", "/traces/trace-1", None),
    ("GET", "/traces/trace-1/data/data-1", None),
    ("POST", "/query", {"filter": {}}),
    ("POST", "/traces/query", {"filter": {}}),
    ("GET", "/schemas", None),
]


@pytest.mark.parametrize(("method", "path", "body"), IN_A_PROJECT)
def test_a_stranger_gets_the_same_answer_whether_a_project_exists_or_not(
    person: Person, somebody: Person, method: str, path: str, body: object
) -> None:
    path = path.format(key_id=person.key_id)
    theirs = somebody.call(method, f"/api/v1/projects/{person.project_id}{path}", json=body)
    nobodys = somebody.call(method, f"/api/v1/projects/{uuid.uuid4()}{path}", json=body)
    assert_refused(theirs, 403)
    assert (nobodys.status_code, nobodys.content) == (403, theirs.content)


@pytest.mark.parametrize(("method", "path", "body"), IN_A_PROJECT)
def test_nothing_in_a_project_is_shown_without_a_token(
    server: Server, person: Person, method: str, path: str, body: object
) -> None:
    assert_refused(server.call(method, f"/api/v1/projects/{person.project_id}{path}", json=body), 401)


@pytest.mark.parametrize("project_id", ["..", "%2e%2e", "%00", "a%2Fb", "x" * 3000, "%FF", "'%20OR%201=1--"])
def test_a_strange_project_id_is_a_refusal_like_any_other(person: Person, project_id: str) -> None:
    answered = person.call("GET", f"/api/v1/projects/{project_id}/traces")
    assert assert_refused(answered, answered.status_code)
    assert answered.status_code in (403, 404)
