"""Every field of the requests about accounts, projects and keys: wrong in type, missing, too long."""

from typing import Any

import pytest

from tests.backend.server import Person, Server, assert_refused, call

LONG = "x" * 100_000
WRONG_TEXTS: list[Any] = [None, 5, True, 1.5, [], {}, ["x"]]

REGISTER = {"email": "bad@example.org", "password": "12345678", "name": "Name"}
LOGIN = {"email": "bad@example.org", "password": "12345678"}
NAMED = {"name": "Name"}

REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "register": ("/api/v1/auth/register", REGISTER),
    "login": ("/api/v1/auth/login", LOGIN),
    "project": ("/api/v1/projects", NAMED),
    "key": ("/api/v1/projects/{project_id}/keys", NAMED),
}
FIELDS = [(name, field) for name, (_, body) in REQUESTS.items() for field in body]


def post(person: Person, name: str, body: object) -> Any:
    path = REQUESTS[name][0].format(project_id=person.project_id)
    return person.server.call("POST", path, token=person.token, json=body)


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_field_that_is_missing_or_of_another_type_is_named(person: Person, name: str, field: str) -> None:
    body = REQUESTS[name][1]
    missing = {other: value for other, value in body.items() if other != field}
    assert field in assert_refused(post(person, name, missing), 400)
    for wrong in WRONG_TEXTS:
        assert field in assert_refused(post(person, name, body | {field: wrong}), 400)


@pytest.mark.parametrize(("name", "field"), [pair for pair in FIELDS if pair[0] != "login"])
def test_a_field_that_is_empty_or_too_long_is_named_and_not_repeated(person: Person, name: str, field: str) -> None:
    for wrong in ("", LONG):
        answered = post(person, name, REQUESTS[name][1] | {field: wrong})
        assert field in assert_refused(answered, 400)
        assert len(answered.content) < 500


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"5", b"\xff", b'{"name":NaN}', b'{"name":"\\ud800"}',
        b'{"name":"a","name":"b"}', b"[" * 100_000, b'{"name":' + b'{"a":' * 100_000,
    ],
)  # fmt: skip
def test_a_body_that_is_no_object_is_refused(person: Person, name: str, body: bytes) -> None:
    url = person.server.base_url + REQUESTS[name][0].format(project_id=person.project_id)
    assert_refused(call("POST", url, token=person.token, body=body), 400)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_body_that_is_not_json_or_too_large_is_refused(person: Person, name: str) -> None:
    url = person.server.base_url + REQUESTS[name][0].format(project_id=person.project_id)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert_refused(call("POST", url, token=person.token, body=b"name=x", headers=form), 415)
    assert_refused(call("POST", url, token=person.token, body=b'{"name":"' + b"x" * 10_000_000 + b'"}'), 413)


def test_unknown_fields_are_left_out(person: Person, server: Server) -> None:
    made = server.call("POST", "/api/v1/projects", token=person.token, json={"name": "P", "projectId": "mine", "x": 1})
    assert made.status_code == 200
    assert made.json()["project"]["projectId"] != "mine"


def test_a_long_wrong_password_is_only_wrong(person: Person) -> None:
    assert_refused(post(person, "login", {"email": person.email, "password": LONG}), 401)
    assert_refused(post(person, "login", {"email": LONG, "password": "12345678"}), 401)
