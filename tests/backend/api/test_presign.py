"""Announcing large values, and the URLs that take them and give them back."""

import hashlib
import socket
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.backend.api.conftest import MAX_BLOB_BYTES
from tests.backend.api.events import data, trace_start
from tests.backend.server import Person, assert_refused, call

PAYLOAD = b"x" * 100_000


def item(data_id: str = "blob-1", **fields: Any) -> dict[str, Any]:
    return {"dataId": data_id, "traceId": "trace-1", "key": "frame"} | fields


def announced(person: Person, **fields: Any) -> str:
    answered = person.record("/presign", item(**fields))
    assert answered.status_code == 200, answered.text
    content = answered.json()
    assert set(content) == {"presignedUrl", "dataPath"}
    assert content["dataPath"] == f"{person.project_id}/{item(**fields)['dataId']}"
    url: str = content["presignedUrl"]
    return url


def put(url: str, body: Any, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.put(url, data=body, headers=named, timeout=60)


def link(person: Person, data_id: str = "blob-1") -> dict[str, Any]:
    answered = person.call("GET", f"traces/trace-1/data/{data_id}")
    assert answered.status_code == 200, answered.text
    content: dict[str, Any] = answered.json()
    assert set(content) == {"presignedUrl", "key", "metadata", "contentType", "sizeBytes", "uploaded"}
    return content


def test_a_value_is_announced_uploaded_and_given_back(somebody: Person) -> None:
    digest = hashlib.sha256(PAYLOAD).hexdigest()
    url = announced(
        somebody, contentType="application/x-npy", sizeBytes=len(PAYLOAD), sha256=digest, metadata={"shape": [1, 2]}
    )
    before = link(somebody)
    assert (before["presignedUrl"], before["uploaded"]) == (None, False)
    assert put(url, PAYLOAD, Content_Type="application/x-npy").status_code == 200
    after = link(somebody)
    assert after["uploaded"] is True
    assert (after["key"], after["metadata"], after["contentType"]) == ("frame", {"shape": [1, 2]}, "application/x-npy")
    assert after["sizeBytes"] == len(PAYLOAD)
    given = requests.get(after["presignedUrl"], timeout=60)
    assert (given.status_code, given.content) == (200, PAYLOAD)


def test_the_url_lives_for_an_hour_and_needs_neither_key_nor_token(somebody: Person) -> None:
    url = announced(somebody)
    seconds = int(parse_qs(urlsplit(url).query)["expires"][0])
    again = int(parse_qs(urlsplit(announced(somebody)).query)["expires"][0])
    assert 0 <= again - seconds < 60
    assert somebody.key not in url
    assert somebody.token not in url


KNOWN = [{"sizeBytes": 5}, {"sha256": hashlib.sha256(b"first").hexdigest()}]


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("later", [{}, {"traceId": "another"}])
def test_bytes_that_were_announced_first_are_not_replaced_by_others(
    somebody: Person, known: dict[str, Any], later: dict[str, Any]
) -> None:
    assert put(announced(somebody, **known), b"first").status_code == 200
    assert_refused(put(announced(somebody, **later), b"second"), 400)
    assert requests.get(link(somebody)["presignedUrl"], timeout=60).content == b"first"
    assert put(announced(somebody, **known), b"first").status_code == 200


@pytest.mark.parametrize("known", KNOWN)
def test_a_value_that_is_announced_again_with_other_bytes_gets_no_url(somebody: Person, known: dict[str, Any]) -> None:
    announced(somebody, **known)
    other = {"sizeBytes": 6, "sha256": hashlib.sha256(b"second").hexdigest()}
    refused = somebody.record("/presign", item(**other))
    assert "announced before" in assert_refused(refused, 400)
    both = somebody.record("/presign/batch", {"items": [item(**other), item("new")]}).json()
    assert ["error" in item for item in both["items"]] == [True, False]


def test_an_upload_may_be_repeated(somebody: Person) -> None:
    url = announced(somebody)
    assert put(url, b"first").status_code == 200
    assert put(url, b"first").status_code == 200
    assert requests.get(link(somebody)["presignedUrl"], timeout=60).content == b"first"


def test_an_upload_in_chunks_of_unknown_number_is_taken(somebody: Person) -> None:
    url = announced(somebody, sizeBytes=len(PAYLOAD))
    assert put(url, iter([PAYLOAD[:10], PAYLOAD[10:]])).status_code == 200
    assert requests.get(link(somebody)["presignedUrl"], timeout=60).content == PAYLOAD


def test_bytes_that_were_not_announced_are_refused_and_nothing_is_kept(somebody: Person) -> None:
    url = announced(somebody, sizeBytes=5, contentType="text/plain", sha256=hashlib.sha256(b"right").hexdigest())
    assert_refused(put(url, b"righ", Content_Type="text/plain"), 400)
    assert_refused(put(url, b"rights", Content_Type="text/plain"), 400)
    assert_refused(put(url, b"wrong", Content_Type="text/plain"), 400)
    assert_refused(put(url, b"right", Content_Type="text/html"), 400)
    assert_refused(put(url, b"right"), 400)
    assert_refused(put(url, b"", Content_Type="text/plain"), 400)
    assert link(somebody)["uploaded"] is False
    assert put(url, b"right", Content_Type="text/plain").status_code == 200


def test_an_upload_that_breaks_off_leaves_nothing(somebody: Person) -> None:
    parts = urlsplit(announced(somebody))
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=30) as wire:
        head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        wire.sendall(head.encode() + b"only this")
        wire.shutdown(socket.SHUT_WR)
        assert b" 400 " in wire.recv(65536).partition(b"\r\n")[0]
    assert link(somebody)["uploaded"] is False
    incoming = somebody.server.data_dir / "blobs" / ".incoming"
    assert list(incoming.iterdir()) == []


def test_more_than_a_value_may_have_is_refused(somebody: Person) -> None:
    assert_refused(somebody.record("/presign", item(sizeBytes=MAX_BLOB_BYTES + 1)), 413)
    url = announced(somebody)
    assert_refused(put(url, b"x" * (MAX_BLOB_BYTES + 1)), 413)
    assert_refused(put(url, iter([b"x" * MAX_BLOB_BYTES, b"y"])), 413)
    assert link(somebody)["uploaded"] is False
    assert put(url, b"x" * MAX_BLOB_BYTES).status_code == 200


def alterations(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    base, path, query = f"{parts.scheme}://{parts.netloc}", parts.path, parts.query
    signature = parse_qs(query)["signature"][0]
    return {
        "another blob": f"{base}{path}2?{query}",
        "a later end": f"{base}{path}?{query.replace('expires=', 'expires=9')}",
        "a further term": f"{base}{path}?{query}&sha256={'0' * 64}",
        "a term twice": f"{base}{path}?{query}&size=5",
        "a signature twice": f"{base}{path}?{query}&signature={signature}",
        "a term less": f"{base}{path}?" + "&".join(p for p in query.split("&") if not p.startswith("size=")),
        "no signature": f"{base}{path}?" + "&".join(p for p in query.split("&") if not p.startswith("signature=")),
        "another signature": url.replace(signature, "0" * 64),
        "half a signature": url.replace(signature, signature[:32]),
        "a strange signature": url.replace(signature, "%C3%A9"),
        "nothing": f"{base}{path}",
        "no number": f"{base}{path}?expires=x&signature={signature}",
    }


@pytest.mark.parametrize("name", list(alterations("http://h:1/p?size=1&expires=1&signature=1")))
def test_a_url_that_was_altered_is_refused(person: Person, name: str) -> None:
    url = announced(person, dataId="altered", sizeBytes=5)
    assert_refused(put(alterations(url)[name], b"right"), 403)
    assert link(person, "altered")["uploaded"] is False


def test_a_url_is_good_for_its_own_method_alone(somebody: Person) -> None:
    to_put = announced(somebody)
    assert_refused(requests.get(to_put, timeout=60), 403)
    assert put(to_put, b"bytes").status_code == 200
    to_get = link(somebody)["presignedUrl"]
    assert_refused(put(to_get, b"other"), 403)
    assert_refused(requests.delete(to_get, timeout=60), 405)
    assert requests.head(to_get, timeout=60).headers["Content-Length"] == "5"
    assert requests.get(to_get, timeout=60).content == b"bytes"


@pytest.mark.parametrize(
    "path", ["..%2f..%2fjwt-secret", "%2e%2e/jwt-secret", "x/..%2f..%2fxray.db", ".incoming/x", "x/%00"]
)
def test_no_path_leaves_the_directory(person: Person, path: str) -> None:
    query = urlsplit(announced(person)).query
    for method in ("GET", "PUT"):
        answered = call(method, f"{person.server.base_url}/blobs/{path}?{query}", body=b"x")
        assert answered.status_code in (403, 404), answered.text
        assert_refused(answered, answered.status_code)


def test_two_projects_keep_the_same_id_apart(somebody: Person, person: Person) -> None:
    for owner, content in ((somebody, b"mine"), (person, b"theirs")):
        assert put(announced(owner, dataId="shared"), content).status_code == 200
    assert requests.get(link(somebody, "shared")["presignedUrl"], timeout=60).content == b"mine"
    assert requests.get(link(person, "shared")["presignedUrl"], timeout=60).content == b"theirs"


BAD_ITEMS: dict[str, object] = {
    "empty": {},
    "no object": 5,
    "a list": [],
    "dataId missing": {"traceId": "t", "key": "k"},
    "traceId missing": {"dataId": "d", "key": "k"},
    "key missing": {"dataId": "d", "traceId": "t"},
    "dataId ..": item(".."),
    "dataId a path": item("a/../b"),
    "dataId too long": item("x" * 201),
    "dataId a number": item(dataId=5),
    "traceId ..": item(traceId=".."),
    "key null": item(key=None),
    "key too long": item(key="x" * 10_000),
    "metadata a list": item(metadata=[]),
    "contentType a number": item(contentType=5),
    "contentType with a line break": item(contentType="a/b\r\nX: 1"),
    "contentType too long": item(contentType="a/" + "b" * 1000),
    "sizeBytes negative": item(sizeBytes=-1),
    "sizeBytes a string": item(sizeBytes="1"),
    "sizeBytes a fraction": item(sizeBytes=1.5),
    "sha256 no hash": item(sha256="x" * 64),
    "sha256 a number": item(sha256=5),
}


@pytest.mark.parametrize("name", BAD_ITEMS)
def test_a_bad_item_gets_no_url(person: Person, name: str) -> None:
    assert_refused(person.record("/presign", BAD_ITEMS[name]), 400)


def test_in_a_batch_each_item_has_its_own_answer_in_order(somebody: Person) -> None:
    items = [item("a"), item(".."), item("b"), item("c", sizeBytes=MAX_BLOB_BYTES + 1), 5]
    answered = somebody.record("/presign/batch", {"items": items})
    assert answered.status_code == 200
    answers = answered.json()["items"]
    assert [set(one) for one in answers] == [
        {"presignedUrl", "dataPath"}, {"error"}, {"presignedUrl", "dataPath"}, {"error"}, {"error"},
    ]  # fmt: skip
    assert answers[2]["dataPath"] == f"{somebody.project_id}/b"
    assert put(answers[2]["presignedUrl"], b"b").status_code == 200
    assert link(somebody, "b")["uploaded"] is True
    assert link(somebody, "a")["uploaded"] is False


@pytest.mark.parametrize("body", [{}, {"items": []}, {"items": {}}, {"items": None}, [], {"item": [item()]}])
def test_a_batch_of_another_shape_is_refused(person: Person, body: object) -> None:
    assert_refused(person.record("/presign/batch", body), 400)


def test_a_batch_of_too_many_items_is_refused(person: Person) -> None:
    assert_refused(person.record("/presign/batch", {"items": [item(f"n{index}") for index in range(21)]}), 413)


@pytest.mark.parametrize(
    ("content_type", "shown", "placement"),
    [
        ("text/plain", "text/plain; charset=utf-8", "inline"),
        ("application/json", "application/json", "inline"),
        ("image/png", "image/png", "inline"),
        ("IMAGE/JPEG", "image/jpeg", "inline"),
        ("text/html", "text/html; charset=utf-8", "attachment"),
        ("TEXT/HTML;charset=utf-8", "text/html; charset=utf-8", "attachment"),
        ("image/svg+xml", "image/svg+xml", "attachment"),
        ("application/xhtml+xml", "application/xhtml+xml", "attachment"),
        ("text/xml", "text/xml; charset=utf-8", "attachment"),
        ("application/pdf", "application/pdf", "attachment"),
        ("text/javascript", "text/javascript; charset=utf-8", "attachment"),
        ("text/plain, text/html", "application/octet-stream", "attachment"),
        ("nonsense", "application/octet-stream", "attachment"),
        (None, "application/octet-stream", "attachment"),
    ],
)
def test_nothing_that_a_browser_might_run_is_shown_in_it(
    person: Person, content_type: str | None, shown: str, placement: str
) -> None:
    name = f"kind-{abs(hash(content_type))}"
    assert person.ingest(data(f"in-{name}", content="<script>", contentType=content_type)).status_code == 200
    assert put(announced(person, dataId=name, contentType=content_type), b"<script>", **_type(content_type)).ok
    for data_id in (name, f"in-{name}"):
        given = requests.get(link(person, data_id)["presignedUrl"], timeout=60)
        assert given.content == b"<script>"
        assert given.headers["Content-Type"] == shown
        assert given.headers["Content-Disposition"].startswith(f"{placement};")
        assert given.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in given.headers["Content-Security-Policy"]


def _type(content_type: str | None) -> dict[str, str]:
    return {} if content_type is None else {"Content_Type": content_type}


def test_a_value_that_came_inside_its_event_is_given_back_through_a_signed_url(somebody: Person) -> None:
    given = somebody.ingest(trace_start(), data("inline", content="aGVsbG8=", contentEncoding="base64"))
    assert given.json() == {"success": True}
    url = link(somebody, "inline")["presignedUrl"]
    assert requests.get(url, timeout=60).content == b"hello"
    assert_refused(requests.get(url.replace("inline?", "other?"), timeout=60), 403)
    assert_refused(requests.get(url.partition("?")[0], timeout=60), 403)
    assert_refused(requests.post(url, timeout=60), 405)


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", 'a"; x="b', "a\r\nX-Evil: 1", "ключ", "\U0001f600" * 400, "a/b\\c"]
)
def test_whatever_a_value_is_called_its_name_stays_inside_one_header(person: Person, key: str) -> None:
    name = f"key-{abs(hash(key))}"
    assert person.ingest(data(name, key=key, content="x", contentType="text/plain")).json() == {"success": True}
    assert put(announced(person, dataId=f"up-{name}", key=key), b"x").status_code == 200
    for data_id in (name, f"up-{name}"):
        content = link(person, data_id)
        assert content["key"] == key
        given = requests.get(content["presignedUrl"], timeout=60)
        assert given.status_code == 200
        assert "X-Evil" not in given.headers
        assert set(given.headers["Content-Disposition"].partition("''")[2]) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-~%"
        )


def test_a_value_of_another_trace_or_project_is_not_found(person: Person, somebody: Person) -> None:
    assert person.ingest(data("hidden", content="x")).json() == {"success": True}
    assert_refused(person.call("GET", "traces/trace-2/data/hidden"), 404)
    assert_refused(somebody.call("GET", "traces/trace-1/data/hidden"), 404)
    assert_refused(person.call("GET", "traces/trace-1/data/none"), 404)
