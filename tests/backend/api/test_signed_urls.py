"""Whoever has a signed URL may do what it says and nothing else: every other use is refused, and stores nothing."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import pytest
import requests

from tests.backend.api.events import data
from tests.backend.server import Person, Server, assert_refused, new_person
from xray_backend.blobs.signing import LIFETIME_SECONDS, UrlSigner

RIGHT = b"right" * 10
SHA256 = hashlib.sha256(RIGHT).hexdigest()
TYPE = "application/x-npy"
LARGE = 6 * 1024 * 1024  # over 5 MiB, so it comes in parts
FOREIGN_PROJECT = "another-project"


@pytest.fixture(scope="module")
def large_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes values in parts."""
    with Server(tmp_path_factory.mktemp("signed") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def victim(large_server: Server) -> Person:
    return new_person(large_server)


@dataclass(frozen=True)
class Signed:
    """A URL, the method it was signed for, and what is sent with it."""

    method: str
    url: str
    body: bytes = b""
    content_type: str | None = None

    def send(self, **changes: Any) -> requests.Response:
        headers = {} if self.content_type is None else {"Content-Type": self.content_type}
        return requests.request(
            changes.get("method", self.method),
            changes.get("url", self.url),
            data=changes.get("body", self.body),
            headers=headers | changes.get("headers", {}),
            timeout=60,
            allow_redirects=False,
        )


def presign(person: Person, data_id: str, **fields: Any) -> dict[str, Any]:
    answered = person.record("/presign", {"dataId": data_id, "traceId": "trace-1", "key": "k"} | fields)
    assert answered.status_code == 200, answered.text
    content: dict[str, Any] = answered.json()
    return content


def link(person: Person, data_id: str) -> dict[str, Any]:
    content: dict[str, Any] = person.call("GET", f"traces/trace-1/data/{data_id}").json()
    return content


def signed_put(person: Person, data_id: str) -> Signed:
    url = presign(person, data_id, contentType=TYPE, sizeBytes=len(RIGHT), sha256=SHA256)["presignedUrl"]
    return Signed("PUT", url, RIGHT, TYPE)


def signed_part(person: Person, data_id: str) -> Signed:
    upload = presign(person, data_id, sizeBytes=LARGE)["upload"]
    assert upload["partSizeBytes"] >= LARGE
    return Signed("PUT", upload["parts"][0]["presignedUrl"], b"p" * LARGE)


def signed_get(person: Person, data_id: str) -> Signed:
    assert signed_put(person, data_id).send().status_code == 200
    return Signed("GET", link(person, data_id)["presignedUrl"])


def signed_content(person: Person, data_id: str) -> Signed:
    assert person.ingest(data(data_id, content="inline")).json() == {"success": True}
    return Signed("GET", link(person, data_id)["presignedUrl"])


KINDS = {"put": signed_put, "part": signed_part, "get": signed_get, "content": signed_content}


@pytest.fixture(params=KINDS)
def signed(request: pytest.FixtureRequest, victim: Person) -> Signed:
    """A fresh URL of each kind."""
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
    return KINDS[request.param](victim, f"{request.param}-{name}")


def files_of(server: Server) -> dict[str, bytes]:
    """Return every blob, and every byte of an upload that is under way."""
    root = server.data_dir / "blobs"
    paths = sorted(path for path in root.rglob("*") if path.is_file()) if root.exists() else []
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).digest() for path in paths}


def with_query(url: str, pairs: list[tuple[str, str]]) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode(pairs)))


def with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=path))


def altered_queries(url: str) -> Iterator[tuple[str, str]]:
    """Alter, leave out, double and add to each argument; move one's text into another."""
    pairs = parse_qsl(urlsplit(url).query)
    for index, (name, value) in enumerate(pairs):
        before, after = pairs[:index], pairs[index + 1 :]
        others = [
            f"{value}0",
            f"0{value}",
            value[:-1],
            value[::-1] + "x",
            value.upper() + "X",
            "",
            "-1",
            " " + value,
            "é",
        ]
        for other in others:
            yield f"{name} is {other[:12]!r}", with_query(url, [*before, (name, other), *after])
        yield f"without {name}", with_query(url, before + after)
        yield f"{name} twice", with_query(url, [*pairs, (name, value)])
        yield f"{name} twice, another first", with_query(url, [(name, "1"), *pairs])
        yield f"{name} twice, another last", with_query(url, [*pairs, (name, "1")])
        yield f"{name} in capitals", with_query(url, [*before, (name.upper(), value), *after])
        yield f"{name} as a list", with_query(url, [*before, (f"{name}[]", value), *after])
    yield "no arguments", with_query(url, [])
    for name in ("sha256", "size", "type", "name", "uploadId", "x", "method"):
        if name not in dict(pairs):
            yield f"{name} is new", with_query(url, [*pairs, (name, "1")])


def altered_paths(url: str, other_id: str) -> Iterator[str]:
    """Name another project, value, trace, part or kind of thing."""
    path = urlsplit(url).path
    segments = path.split("/")
    for index in range(2, len(segments)):
        for other in (FOREIGN_PROJECT, other_id, segments[index] + "0", "2", "1e0", "01", "%D9%A1"):
            if other != segments[index]:
                yield "/".join([*segments[:index], quote(other, safe="%"), *segments[index + 1 :]])
    yield path + "/parts/1"
    yield path + "/parts/2"
    yield path.partition("/parts/")[0] if "/parts/" in path else path + "/parts/0"
    yield path.replace("/blobs/", "/content/") if "/blobs/" in path else path.replace("/content/", "/blobs/")
    yield path.swapcase()


def test_every_altered_argument_is_refused_and_nothing_is_stored(signed: Signed, large_server: Server) -> None:
    before = files_of(large_server)
    for name, url in altered_queries(signed.url):
        answered = signed.send(url=url, body=signed.body[:100])
        assert answered.status_code == 403, name
        assert_refused(answered, 403)
    assert files_of(large_server) == before


def test_every_other_path_is_refused_and_nothing_is_stored(
    signed: Signed, victim: Person, large_server: Server
) -> None:
    signed_get(victim, "others")
    before = files_of(large_server)
    for path in altered_paths(signed.url, "others"):
        answered = signed.send(url=with_path(signed.url, path), body=signed.body[:100])
        assert answered.status_code in (403, 404, 405), path
        assert_refused(answered, answered.status_code)
    assert files_of(large_server) == before


def test_every_other_method_is_refused_and_nothing_is_stored(signed: Signed, large_server: Server) -> None:
    before = files_of(large_server)
    for method in {"GET", "PUT", "POST", "PATCH", "DELETE"} - {signed.method}:
        answered = signed.send(method=method, body=b"other")
        assert answered.status_code in (403, 405), method
        assert_refused(answered, answered.status_code)
        asked = signed.send(method=method, body=b"other", headers={"X-HTTP-Method-Override": signed.method})
        assert asked.status_code == answered.status_code
    assert files_of(large_server) == before


def test_what_was_not_altered_is_taken(signed: Signed) -> None:
    assert signed.send().status_code == 200


@pytest.mark.parametrize("kind", ["put", "part"])
def test_another_size_is_refused_and_nothing_is_stored(kind: str, victim: Person, large_server: Server) -> None:
    signed = KINDS[kind](victim, f"size-{kind}")
    blobs = large_server.data_dir / "blobs" / victim.project_id / f"size-{kind}"
    for body in (b"", signed.body[:-1], signed.body + b"x", signed.body * 2):
        assert "bytes" in assert_refused(signed.send(body=body), 400)
        assert "bytes" in assert_refused(signed.send(body=iter([body[:5], body[5:]])), 400)
    assert not blobs.exists()
    assert link(victim, f"size-{kind}")["uploaded"] is False


def test_another_type_or_other_bytes_are_refused_and_nothing_is_stored(victim: Person) -> None:
    signed = signed_put(victim, "type")
    for content_type in ("text/html", TYPE + "; charset=utf-8", TYPE.upper(), ""):
        assert TYPE in assert_refused(signed.send(headers={"Content-Type": content_type}), 400)
    assert "SHA-256" in assert_refused(signed.send(body=RIGHT[::-1]), 400)
    assert link(victim, "type")["uploaded"] is False


def test_a_part_goes_to_its_own_upload_and_number_alone(victim: Person, large_server: Server) -> None:
    size = 20 * 1024 * 1024
    first = presign(victim, "parted", sizeBytes=size)["upload"]
    second = presign(victim, "parted", sizeBytes=size)["upload"]
    url = first["parts"][0]["presignedUrl"]
    body = b"p" * first["partSizeBytes"]
    path, query = urlsplit(url).path, urlsplit(url).query
    assert_refused(requests.put(url.replace(first["uploadId"], second["uploadId"]), data=body[:9], timeout=60), 403)
    for number in ("2", "3", "4", "0", "-1", "x", "1.0", "%20", "99999999999999999999"):
        changed = f"{large_server.base_url}{path.removesuffix('/1')}/{number}?{query}"
        answered = requests.put(changed, data=body[:9], timeout=60)
        assert_refused(answered, 403)
    whole = f"{large_server.base_url}{path.partition('/parts/')[0]}?{query}"
    assert_refused(requests.put(whole, data=body[:9], timeout=60), 403)
    for upload in (first, second):
        again = presign(victim, "parted", uploadId=upload["uploadId"])["upload"]
        assert not any("etag" in part for part in again["parts"])


def test_a_token_a_key_and_a_cursor_are_no_signature(victim: Person, signed: Signed) -> None:
    pairs = dict(parse_qsl(urlsplit(signed.url).query))
    for other in (victim.token, victim.token.rpartition(".")[2], victim.key):
        url = with_query(signed.url, list((pairs | {"signature": other}).items()))
        assert_refused(signed.send(url=url, body=b"x"), 403)
    bare = with_query(signed.url, [])
    headers = {"Authorization": f"Bearer {victim.token}", "x-api-key": victim.key}
    assert_refused(signed.send(url=bare, body=b"x", headers=headers), 403)


def test_a_url_of_one_project_opens_nothing_of_another_with_the_same_ids(victim: Person, large_server: Server) -> None:
    stranger = new_person(large_server)
    for kind, make in KINDS.items():
        mine, theirs = make(victim, f"same-{kind}"), make(stranger, f"same-{kind}")
        swapped = mine.url.replace(victim.project_id, stranger.project_id)
        assert swapped != mine.url
        assert_refused(mine.send(url=swapped, body=mine.body[:50]), 403)
        moved = urlunsplit(urlsplit(theirs.url)._replace(query=urlsplit(mine.url).query))
        assert_refused(mine.send(url=moved, body=mine.body[:50]), 403)


def test_a_url_that_is_used_after_its_end_is_refused_and_nothing_is_stored(
    signed: Signed, large_server: Server
) -> None:
    secret = (large_server.data_dir / "jwt-secret").read_text()
    parts = urlsplit(signed.url)
    terms = {name: value for name, value in parse_qsl(parts.query) if name not in ("expires", "signature")}
    before = files_of(large_server)
    for seconds_late in (1, 10_000):
        signer = UrlSigner(
            large_server.base_url, secret, lambda late=seconds_late: time.time() - LIFETIME_SECONDS - late - 1
        )
        answered = signed.send(url=signer.sign(signed.method, parts.path, terms), body=signed.body[:9])
        assert "expired" in assert_refused(answered, 403)
    assert files_of(large_server) == before
    in_time = UrlSigner(large_server.base_url, secret, lambda: time.time() - LIFETIME_SECONDS + 600)
    assert signed.send(url=in_time.sign(signed.method, parts.path, terms)).status_code == 200


@pytest.mark.parametrize("what", ["trace", "project"])
def test_every_url_is_refused_after_the_deletion_and_nothing_is_stored(what: str, large_server: Server) -> None:
    person = new_person(large_server)
    urls = {kind: make(person, f"replayed-{kind}") for kind, make in KINDS.items()}
    person.ingest({"type": "trace-start", "traceId": "trace-1", "createdAt": 1_768_150_521_013})
    assert urls["put"].send().status_code == 200
    deleted = person.call("DELETE", "traces/trace-1" if what == "trace" else "")
    assert deleted.json() == {"success": True}
    root = large_server.data_dir / "blobs"
    for _ in range(2):
        assert "deleted" in assert_refused(urls["put"].send(), 409)
        assert "deleted" in assert_refused(urls["part"].send(), 409)
        assert_refused(urls["get"].send(), 404)
        assert_refused(urls["content"].send(), 404)
    folder = root / person.project_id
    assert not [path for path in folder.glob("*") if path.name.endswith(("put", "part"))]
