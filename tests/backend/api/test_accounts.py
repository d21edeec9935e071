"""Registering, logging in, and what a token is worth."""

import base64
import os
import time

import jwt
import msgspec
import pytest
import requests

from tests.backend.api.events import step
from tests.backend.server import Person, Server, assert_refused, new_person

REGISTER, LOGIN, ME = "/api/v1/auth/register", "/api/v1/auth/login", "/api/v1/auth/me"
PASSWORD = "/api/v1/auth/password"


def secret_of(server: Server) -> str:
    return (server.data_dir / "jwt-secret").read_text()


def forged(server: Server, key: str | None = None, algorithm: str = "HS256", **claims: object) -> str:
    now = int(time.time())
    content = {"userId": "0" * 24, "iat": now, "exp": now + 60, "type": "access"} | claims
    return jwt.encode(content, key or secret_of(server), algorithm)


def test_who_registers_is_logged_in_and_is_shown_as_the_contract_says(server: Server) -> None:
    email = f"New.{os.urandom(6).hex()}@Example.org"
    answered = server.call("POST", REGISTER, json={"email": email, "password": "12345678", "name": "Zoë"})
    assert answered.status_code == 200
    content = answered.json()
    assert set(content) == {"user", "token"}
    assert content["user"] == {"id": content["user"]["id"], "email": email.lower(), "name": "Zoë"}
    me = server.call("GET", ME, token=content["token"])
    assert me.json() == {"user": content["user"]}


def test_a_token_says_who_and_is_good_for_seven_days(server: Server, person: Person) -> None:
    claims = jwt.decode(person.token, secret_of(server), algorithms=["HS256"])
    assert claims["userId"] == person.user_id
    assert claims["exp"] - claims["iat"] == 7 * 24 * 60 * 60
    assert jwt.get_unverified_header(person.token)["alg"] == "HS256"


def test_an_email_is_registered_once_whatever_its_case(server: Server, person: Person) -> None:
    again = {"email": person.email.upper(), "password": "another one", "name": "Thief"}
    assert_refused(server.call("POST", REGISTER, json=again), 409)


def test_an_email_is_tried_for_registration_ten_times_a_minute_at_most(server: Server) -> None:
    account = {"email": f"{os.urandom(6).hex()}@example.org", "password": "12345678", "name": "Name"}
    statuses = [server.call("POST", REGISTER, json=account).status_code for _ in range(10)]
    assert statuses == [200, *[409] * 9]
    again = server.call("POST", REGISTER, json=account | {"email": account["email"].upper()})
    assert "again in" in assert_refused(again, 429)


def test_the_right_password_logs_in_whatever_the_case_of_the_email(server: Server, person: Person) -> None:
    answered = server.call("POST", LOGIN, json={"email": person.email.upper(), "password": "correct horse"})
    assert answered.status_code == 200
    assert answered.json()["user"]["id"] == person.user_id
    assert server.call("GET", ME, token=answered.json()["token"]).status_code == 200


def test_a_wrong_password_and_an_unknown_email_get_the_same_answer(server: Server, person: Person) -> None:
    wrong = server.call("POST", LOGIN, json={"email": person.email, "password": "incorrect horse"})
    unknown = server.call("POST", LOGIN, json={"email": "nobody@example.org", "password": "correct horse"})
    assert assert_refused(wrong, 401) == "Invalid email or password"
    assert unknown.content == wrong.content
    assert unknown.status_code == 401


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1025])
def test_a_password_too_short_or_too_long_makes_no_account(server: Server, password: str) -> None:
    account = {"email": "short@example.org", "password": password, "name": "Short"}
    assert "password" in assert_refused(server.call("POST", REGISTER, json=account), 400)
    assert_refused(server.call("POST", LOGIN, json={"email": "short@example.org", "password": password or "x"}), 401)


@pytest.mark.parametrize("email", ["", "@", "nobody", "a@", "@b", "a b@c.d", "a@b\n.c", "a@b@c", "x" * 250 + "@y.zz"])
def test_what_is_no_email_makes_no_account(server: Server, email: str) -> None:
    account = {"email": email, "password": "12345678", "name": "Name"}
    assert "email" in assert_refused(server.call("POST", REGISTER, json=account), 400)


def test_no_token_or_one_in_another_shape_is_refused(server: Server, person: Person) -> None:
    token = person.token
    for header in ("", "Bearer", "Bearer ", f"Basic {token}", token, f"Bearer {token} x", "Bearer é"):
        assert_refused(server.call("GET", ME, headers={"Authorization": header.encode()}), 401)
    assert_refused(server.call("GET", ME), 401)
    assert_refused(server.call("GET", f"{ME}?jwt={person.token}", headers={"Cookie": f"jwt={person.token}"}), 401)


def test_a_token_that_others_made_is_refused(server: Server, person: Person) -> None:
    head, claims, signature = person.token.split(".")
    none_head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    altered = msgspec.json.encode({"userId": "1" * 24, "iat": 1, "exp": 9_999_999_999})
    forgeries = [
        forged(server, key="k" * 64, userId=person.user_id),
        forged(server, algorithm="HS512", key=secret_of(server) * 2, userId=person.user_id),
        f"{none_head}.{claims}.",
        f"{head}.{base64.urlsafe_b64encode(altered).rstrip(b'=').decode()}.{signature}",
        f"{head}.{claims}.{'A' * len(signature)}",
        f"{head}.{claims}",
        "a.b.c",
        "x" * 5000,
    ]
    for token in forgeries:
        assert_refused(server.call("GET", ME, token=token), 401)


def test_an_expired_token_is_refused_and_says_so(server: Server, person: Person) -> None:
    token = forged(server, userId=person.user_id, exp=int(time.time()) - 1)
    assert "expired" in assert_refused(server.call("GET", ME, token=token), 401)


@pytest.mark.parametrize("user_id", ["f" * 24, "", 5, None, ["x"], {"$ne": None}])
def test_a_token_of_a_user_who_does_not_exist_is_refused(server: Server, user_id: object) -> None:
    assert_refused(server.call("GET", ME, token=forged(server, userId=user_id)), 401)


def test_too_many_attempts_on_one_account_are_refused_until_the_minute_is_over(server: Server) -> None:
    person = new_person(server)
    wrong = {"email": person.email, "password": "incorrect horse"}
    statuses = [server.call("POST", LOGIN, json=wrong).status_code for _ in range(10)]
    assert statuses == [401] * 10
    right = server.call("POST", LOGIN, json={"email": person.email.upper(), "password": "correct horse"})
    assert "again in" in assert_refused(right, 429)
    assert 1 <= int(right.headers["Retry-After"]) <= 60


def logged_in(server: Server, email: str, password: str) -> str:
    answered = server.call("POST", LOGIN, json={"email": email, "password": password})
    assert answered.status_code == 200, answered.text
    token: str = answered.json()["token"]
    return token


def change(person: Person, current: str, new: str) -> requests.Response:
    return person.call("POST", PASSWORD, json={"currentPassword": current, "newPassword": new})


@pytest.mark.parametrize("new", ["battery staple", "correct horse"])
def test_a_changed_password_ends_all_tokens_that_there_were(server: Server, new: str) -> None:
    person = new_person(server)
    elsewhere = logged_in(server, person.email, "correct horse")
    changed = change(person, "correct horse", new)
    assert (changed.status_code, changed.json()) == (200, {"success": True})
    for token in (person.token, elsewhere):
        assert "log in" in assert_refused(server.call("GET", ME, token=token), 401)
        assert_refused(server.call("GET", f"/api/v1/projects/{person.project_id}/traces", token=token), 401)
    assert server.call("GET", ME, token=logged_in(server, person.email, new)).status_code == 200
    if new != "correct horse":
        assert_refused(server.call("POST", LOGIN, json={"email": person.email, "password": "correct horse"}), 401)
    assert person.ingest(step()).status_code == 200  # keys are the project's, and stay


def test_a_wrong_current_password_changes_nothing(server: Server) -> None:
    person = new_person(server)
    assert "current password" in assert_refused(change(person, "incorrect horse", "battery staple"), 401)
    assert "8" in assert_refused(change(person, "correct horse", "short"), 400)
    assert_refused(person.call("POST", PASSWORD, json={"newPassword": "battery staple"}), 400)
    assert_refused(server.call("POST", PASSWORD, json={"currentPassword": "x", "newPassword": "battery staple"}), 401)
    assert person.call("GET", ME).status_code == 200
    assert logged_in(server, person.email, "correct horse")


def test_who_stole_a_token_guesses_no_faster_than_who_logs_in(server: Server) -> None:
    person = new_person(server)
    tries = [change(person, "incorrect horse", "battery staple").status_code for _ in range(6)]
    tries += [
        server.call("POST", LOGIN, json={"email": person.email, "password": "incorrect horse"}).status_code
        for _ in range(4)
    ]
    assert tries == [401] * 10
    assert "again in" in assert_refused(change(person, "correct horse", "battery staple"), 429)
    assert_refused(server.call("POST", LOGIN, json={"email": person.email, "password": "correct horse"}), 429)


def test_a_token_that_does_not_say_under_which_password_it_was_issued_is_refused(
    server: Server, person: Person
) -> None:
    for claims in ({}, {"pwd": None}, {"pwd": ""}, {"pwd": "0" * 32}, {"pwd": "\u00e9"}, {"pwd": ["x"]}):
        assert_refused(server.call("GET", ME, token=forged(server, userId=person.user_id, **claims)), 401)
