"""Ranges of a value's bytes, as a browser asks for them to play it or page through it (RFC 9110)."""

import base64
import hashlib

import pytest
import requests

from tests.backend.api.events import data
from tests.backend.server import Person, assert_refused

CONTENT = bytes(range(256)) * 60
SIZE = len(CONTENT)


def links(person: Person, name: str, content: bytes = CONTENT) -> dict[str, str]:
    """Return the URLs of the same bytes, uploaded and inside an event."""
    item = {"dataId": f"up-{name}", "traceId": "trace-1", "key": "film"}
    url = person.record("/presign", item).json()["presignedUrl"]
    assert requests.put(url, data=content, timeout=60).status_code == 200
    inline = data(f"in-{name}", content=base64.b64encode(content).decode(), contentEncoding="base64")
    assert person.ingest(inline).json() == {"success": True}
    return {kind: link(person, f"{kind}-{name}") for kind in ("up", "in")}


def link(person: Person, data_id: str) -> str:
    url: str = person.call("GET", f"traces/trace-1/data/{data_id}").json()["presignedUrl"]
    return url


def ask(url: str, asked: str | None, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if asked is not None:
        named["Range"] = asked
    return requests.get(url, headers={"Accept-Encoding": "identity", **named}, timeout=60)


@pytest.fixture(scope="module")
def urls(person: Person) -> dict[str, str]:
    return links(person, "ranged")


@pytest.fixture(params=["up", "in"], ids=["uploaded", "inline"])
def url(request: pytest.FixtureRequest, urls: dict[str, str]) -> str:
    return urls[request.param]


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-1023", 0, 1023),
        ("bytes=100-", 100, SIZE - 1),
        ("bytes=-1", SIZE - 1, SIZE - 1),
        ("bytes=-500", SIZE - 500, SIZE - 1),
        (f"bytes=-{SIZE * 2}", 0, SIZE - 1),
        (f"bytes=10-{SIZE * 2}", 10, SIZE - 1),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        (f"bytes=0-{SIZE - 1}", 0, SIZE - 1),
        ("Bytes=5-9", 5, 9),
    ],
)
def test_a_range_is_answered_with_its_bytes_alone(url: str, asked: str, first: int, last: int) -> None:
    answered = ask(url, asked)
    assert answered.status_code == 206
    assert answered.content == CONTENT[first : last + 1]
    assert answered.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answered.headers["Content-Length"] == str(last + 1 - first)
    assert answered.headers["Accept-Ranges"] == "bytes"
    assert answered.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "asked",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=9-5", "lines=1-2", "bytes=0-1,5-6", "bytes=--5",
     "bytes=+1-2", "bytes=1-2-3", "bytes=" + "9" * 500 + "-", "bytes=0x1-0x2", "bytes=٣-٤".encode().decode("latin-1")],
)  # fmt: skip
def test_what_is_no_single_range_is_answered_with_all_bytes(url: str, asked: str | None) -> None:
    answered = ask(url, asked)
    assert (answered.status_code, answered.content) == (200, CONTENT)
    assert answered.headers["Accept-Ranges"] == "bytes"
    assert "Content-Range" not in answered.headers


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE * 9}-{SIZE * 9 + 1}", "bytes=-0"])
def test_a_range_behind_the_end_is_refused_with_the_size(url: str, asked: str) -> None:
    answered = ask(url, asked)
    assert str(SIZE) in assert_refused(answered, 416)
    assert answered.headers["Content-Range"] == f"bytes */{SIZE}"


def test_a_value_without_bytes_has_no_range(person: Person) -> None:
    for url in links(person, "empty", b"").values():
        assert_refused(ask(url, "bytes=0-"), 416)
        assert (ask(url, None).status_code, ask(url, None).content) == (200, b"")


def test_a_range_of_other_bytes_than_the_client_has_seen_is_answered_with_all(url: str) -> None:
    etag = ask(url, None).headers["ETag"]
    assert etag.startswith('"')
    assert ask(url, "bytes=1-2", If_Range=etag).status_code == 206
    for other in ('"other"', f"W/{etag}", "Wed, 21 Oct 2015 07:28:00 GMT", ""):
        answered = ask(url, "bytes=1-2", If_Range=other)
        assert (answered.status_code, answered.content) == (200, CONTENT)


def test_bytes_that_take_the_place_of_others_have_another_etag(somebody: Person) -> None:
    item = {"dataId": "changing", "traceId": "trace-1", "key": "film"}
    to_put = somebody.record("/presign", item).json()["presignedUrl"]
    etags = set()
    for content in (b"first", b"other", b"first"):
        requests.put(to_put, data=content, timeout=60)
        etags.add(ask(link(somebody, "changing"), None).headers["ETag"])
    assert len(etags) == 3


def test_head_tells_the_size_and_that_ranges_may_be_asked_for(url: str) -> None:
    for asked in ({}, {"Range": "bytes=0-1"}):
        answered = requests.head(url, headers=asked, timeout=60)
        assert (answered.status_code, answered.content) == (200, b"")
        assert answered.headers["Content-Length"] == str(SIZE)
        assert answered.headers["Accept-Ranges"] == "bytes"
        assert answered.headers["ETag"] == ask(url, None).headers["ETag"]


def test_a_player_that_asks_for_one_range_after_another_gets_the_whole(url: str) -> None:
    etag = ask(url, None).headers["ETag"]
    pieces = [ask(url, f"bytes={first}-{first + 999}", If_Range=etag).content for first in range(0, SIZE, 1000)]
    assert hashlib.sha256(b"".join(pieces)).digest() == hashlib.sha256(CONTENT).digest()


def test_a_range_needs_the_signature_too(url: str) -> None:
    assert_refused(ask(url.replace("signature=", "signature=0"), "bytes=0-1"), 403)
