"""Who belongs to a project, and what each may do there."""

import re
import uuid

import pytest

from tests.backend.api.events import step, trace_start
from tests.backend.server import Person, Server, assert_refused, new_person

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def other(server: Server) -> Person:
    return new_person(server)


def join(owner: Person, person: Person, **fields: str) -> None:
    answered = owner.call("POST", "members", json={"email": person.email, **fields})
    assert answered.status_code == 200, answered.text


def test_who_is_taken_in_is_shown_as_the_contract_says(somebody: Person, other: Person) -> None:
    answered = somebody.call("POST", "members", json={"email": other.email.upper()})
    assert answered.status_code == 200
    member = answered.json()["member"]
    assert set(member) == {"id", "userId", "email", "name", "role", "joinedAt"}
    assert re.fullmatch(r"[0-9a-f]{24}", member["id"])
    assert ISO.fullmatch(member["joinedAt"])
    assert (member["userId"], member["email"]) == (other.user_id, other.email)
    assert (member["name"], member["role"]) == ("Somebody", "member")
    listed = somebody.call("GET", "members").json()["members"]
    assert listed[1] == member
    assert (listed[0]["userId"], listed[0]["role"]) == (somebody.user_id, "owner")


def test_an_unknown_email_is_404_and_a_member_is_not_taken_in_twice(somebody: Person, other: Person) -> None:
    assert "register" in assert_refused(somebody.call("POST", "members", json={"email": "no@where.org"}), 404)
    join(somebody, other)
    assert "already" in assert_refused(somebody.call("POST", "members", json={"email": other.email}), 409)
    assert "already" in assert_refused(somebody.call("POST", "members", json={"email": somebody.email}), 409)


@pytest.mark.parametrize(
    "body", [{}, {"email": 5}, {"email": "a@b.c", "role": "king"}, {"email": "a@b.c", "rolle": "owner"}, []]
)
def test_a_member_is_not_taken_in_by_a_wrong_body(somebody: Person, body: object) -> None:
    assert_refused(somebody.call("POST", "members", json=body), 400)


def test_a_member_reads_and_queries_and_changes_nothing(somebody: Person, other: Person) -> None:
    join(somebody, other)
    assert somebody.ingest(trace_start(), step()).status_code == 200
    base = f"/api/v1/projects/{somebody.project_id}"
    for method, path, body in [
        ("GET", "", None),
        ("GET", "/traces", None),
        ("GET", "/traces/trace-1", None),
        ("POST", "/query", {"filter": {}}),
        ("POST", "/traces/query", {"filter": {}}),
        ("GET", "/schemas", None),
        ("GET", "/members", None),
    ]:
        assert other.call(method, base + path, json=body).status_code == 200
    for method, path, body in [
        ("GET", "/keys", None),
        ("POST", "/keys", {"name": "Mine"}),
        ("DELETE", f"/keys/{somebody.key_id}", None),
        ("POST", "/members", {"email": other.email}),
        ("DELETE", f"/members/{somebody.user_id}", None),
        ("DELETE", "/members/nobody", None),
        ("PATCH", "", {"name": "Mine", "retentionDays": 1}),
    ]:
        assert "owner" in assert_refused(other.call(method, base + path, json=body), 403)
    assert somebody.ingest(step("step-2")).status_code == 200


def test_the_next_request_of_who_was_removed_is_403_as_where_there_is_no_project(
    somebody: Person, other: Person
) -> None:
    join(somebody, other, role="owner")
    path = f"/api/v1/projects/{somebody.project_id}"
    assert other.call("GET", path + "/keys").status_code == 200
    removed = somebody.call("DELETE", f"members/{other.user_id}")
    assert (removed.status_code, removed.json()) == (200, {"success": True})
    theirs = other.call("GET", path + "/keys")
    assert_refused(theirs, 403)
    assert theirs.content == other.call("GET", f"/api/v1/projects/{uuid.uuid4()}/keys").content
    assert [project["projectId"] for project in other.call("GET", "/api/v1/projects").json()["projects"]] == [
        other.project_id
    ]
    assert_refused(other.call("DELETE", f"{path}/members/{other.user_id}"), 403)
    assert_refused(somebody.call("DELETE", f"members/{other.user_id}"), 404)


def test_a_member_may_leave(somebody: Person, other: Person) -> None:
    join(somebody, other)
    path = f"/api/v1/projects/{somebody.project_id}"
    assert other.call("DELETE", f"{path}/members/{other.user_id}").status_code == 200
    assert_refused(other.call("GET", path), 403)


def test_the_last_owner_can_neither_leave_nor_be_removed(somebody: Person, other: Person) -> None:
    assert "last owner" in assert_refused(somebody.call("DELETE", f"members/{somebody.user_id}"), 409)
    join(somebody, other, role="owner")
    assert somebody.call("DELETE", f"members/{somebody.user_id}").status_code == 200
    path = f"/api/v1/projects/{somebody.project_id}"
    assert "last owner" in assert_refused(other.call("DELETE", f"{path}/members/{other.user_id}"), 409)
    assert_refused(somebody.call("GET", path), 403)
