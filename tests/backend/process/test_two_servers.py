"""Two server processes on one database: what one forbids, the other forbids, too; and so does the next start."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.backend.api.events import step
from tests.backend.server import Server, assert_refused, new_person

SECRET = "0123456789abcdef0123456789abcdef"
LOGIN, PASSWORD, ME = "/api/v1/auth/login", "/api/v1/auth/password", "/api/v1/auth/me"


def shared(tmp_path: Path, name: str) -> Server:
    return Server(
        tmp_path / name,
        command="serve",
        XRAY_JWT_SECRET=SECRET,
        XRAY_STORE_URL=f"sqlite:///{tmp_path / 'shared.db'}",
        XRAY_BLOBS_URL=f"file:///{tmp_path / 'blobs'}",
        XRAY_LOGIN_RATE_PER_ACCOUNT="6/hour",
        XRAY_LOGIN_RATE_PER_ADDRESS="9/hour",
        XRAY_REGISTER_RATE_PER_ADDRESS="2/hour",
    )


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    with ExitStack() as stack:
        yield [stack.enter_context(shared(tmp_path, name)) for name in ("one", "two")]


def test_limits_hold_over_two_processes_and_over_a_restart(servers: list[Server], tmp_path: Path) -> None:
    email = new_person(servers[0]).email
    wrong = {"email": email, "password": "incorrect horse"}
    tries = [servers[n % 2].call("POST", LOGIN, json=wrong) for n in range(7)]
    assert [answered.status_code for answered in tries] == [401] * 6 + [429]
    unknown = {"email": "nobody@example.org", "password": "incorrect horse"}
    tries = [servers[n % 2].call("POST", LOGIN, json=unknown) for n in range(4)]
    assert [answered.status_code for answered in tries] == [401, 401, 429, 429]
    account = {"password": "12345678", "name": "Name"}
    registered = [
        servers[n % 2].call("POST", "/api/v1/auth/register", json=account | {"email": f"n{n}@example.org"})
        for n in range(2)
    ]
    assert [answered.status_code for answered in registered] == [200, 429]
    for server in servers:
        assert server.stop() == 0
    with shared(tmp_path, "three") as later:
        refused = later.call("POST", LOGIN, json={"email": email, "password": "correct horse"})
        assert_refused(refused, 429)
        assert 3000 <= int(refused.headers["Retry-After"]) <= 3600


def test_a_password_changed_at_one_process_ends_the_tokens_at_the_other(servers: list[Server]) -> None:
    person = new_person(servers[0])
    assert servers[1].call("GET", ME, token=person.token).status_code == 200
    change = {"currentPassword": "correct horse", "newPassword": "battery staple"}
    assert servers[0].call("POST", PASSWORD, token=person.token, json=change).status_code == 200
    assert_refused(servers[1].call("GET", ME, token=person.token), 401)
    new = servers[1].call("POST", LOGIN, json={"email": person.email, "password": "battery staple"}).json()["token"]
    assert servers[0].call("GET", ME, token=new).status_code == 200


def test_a_member_removed_at_one_process_is_out_at_the_other(servers: list[Server]) -> None:
    owner, member = new_person(servers[0]), new_person(servers[1])
    path = f"/api/v1/projects/{owner.project_id}"
    assert owner.ingest(step()).status_code == 200
    assert owner.call("POST", "members", json={"email": member.email}).status_code == 200
    assert member.call("GET", path + "/traces").status_code == 200
    assert owner.call("DELETE", f"members/{member.user_id}").status_code == 200
    assert_refused(member.call("GET", path + "/traces"), 403)
