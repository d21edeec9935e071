"""Values over 5 MiB: announced in parts, sent at once, gone on with, completed."""

import hashlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from jsonschema import Draft202012Validator

from tests.backend.server import Person, Server, assert_refused, new_person

ONE_PUT_BYTES = 5 * 1024 * 1024
CONTENT = hashlib.shake_128(b"a large value").digest(20_000_001)
Answer = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("multipart"), XRAY_MAX_BLOB_BYTES="100000000") as running:
        yield running


@pytest.fixture(scope="module")
def person(server: Server) -> Person:
    return new_person(server)


def item(data_id: str = "large", **fields: Any) -> Answer:
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    named = {"dataId": data_id, "traceId": "trace-1", "key": "frame", "sizeBytes": len(CONTENT), "sha256": sha256}
    return named | fields


def announced(person: Person, **fields: Any) -> Answer:
    """Announce a value that comes in parts, and return its upload."""
    answered = person.record("/presign", item(**fields))
    assert answered.status_code == 200, answered.text
    content: Answer = answered.json()
    assert set(content) == {"dataPath", "upload"}
    assert content["dataPath"] == f"{person.project_id}/{item(**fields)['dataId']}"
    upload: Answer = content["upload"]
    assert set(upload) == {"uploadId", "partSizeBytes", "parts"}
    assert [part["partNumber"] for part in upload["parts"]] == [1, 2, 3]
    assert all(set(part) in ({"partNumber", "presignedUrl"}, {"partNumber", "etag"}) for part in upload["parts"])
    return upload


def sent(upload: Answer, part: Answer) -> Answer:
    """Put one part, and return what completing the upload says of it."""
    end = part["partNumber"] * upload["partSizeBytes"]
    body = CONTENT[end - upload["partSizeBytes"] : end]
    answered = requests.put(part["presignedUrl"], data=body, timeout=60)
    assert (answered.status_code, answered.json()) == (200, {"success": True})
    return {"partNumber": part["partNumber"], "etag": answered.headers["ETag"]}


def sent_all(upload: Answer) -> list[Answer]:
    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(lambda part: sent(upload, part), upload["parts"]))


def complete(person: Person, upload: Answer, parts: object, data_id: str = "large") -> requests.Response:
    return person.record("/presign/complete", {"dataId": data_id, "uploadId": upload["uploadId"], "parts": parts})


def link(person: Person, data_id: str = "large") -> Answer:
    answered = person.call("GET", f"traces/trace-1/data/{data_id}")
    assert answered.status_code == 200, answered.text
    content: Answer = answered.json()
    return content


@pytest.mark.parametrize("later", [{"sha256": None}, {"sha256": hashlib.sha256(CONTENT).hexdigest()}])
def test_an_upload_in_parts_does_not_replace_the_bytes_that_were_announced_first(person: Person, later: Answer) -> None:
    data_id = f"first-{later['sha256']}"
    first = CONTENT[::-1]
    announced(person, data_id=data_id, sha256=hashlib.sha256(first).hexdigest())
    upload = announced(person, data_id=data_id, **later)
    assert_refused(complete(person, upload, sent_all(upload), data_id), 400)
    assert person.call("GET", f"traces/trace-1/data/{data_id}").json()["uploaded"] is False


def test_a_large_value_is_announced_sent_in_parts_completed_and_given_back(person: Person) -> None:
    upload = announced(person, contentType="application/x-npy", metadata={"shape": [1]})
    before = link(person)
    assert (before["uploaded"], before["sizeBytes"], before["metadata"]) == (False, len(CONTENT), {"shape": [1]})
    parts = sent_all(upload)
    assert link(person)["uploaded"] is False
    for _ in range(2):
        answered = complete(person, upload, list(reversed(parts)))
        assert (answered.status_code, answered.json()) == (200, {"success": True})
    after = link(person)
    assert (after["uploaded"], after["contentType"]) == (True, "application/x-npy")
    assert requests.get(after["presignedUrl"], timeout=60).content == CONTENT


def test_only_what_is_over_five_mebibytes_comes_in_parts(person: Person) -> None:
    for size_bytes, kind in ((ONE_PUT_BYTES, "presignedUrl"), (ONE_PUT_BYTES + 1, "upload"), (None, "presignedUrl")):
        content = person.record("/presign", item("border", sizeBytes=size_bytes)).json()
        assert set(content) == {"dataPath", kind}


def test_an_upload_goes_on_with_the_parts_that_are_there(person: Person) -> None:
    upload = announced(person, data_id="resumed")
    first = sent(upload, upload["parts"][1])
    again = announced(person, data_id="resumed", uploadId=upload["uploadId"])
    assert again["uploadId"] == upload["uploadId"]
    assert again["parts"][1] == first
    rest = [sent(again, part) for part in again["parts"] if "etag" not in part]
    assert [part["partNumber"] for part in rest] == [1, 3]
    assert complete(person, upload, [first, *rest], "resumed").status_code == 200
    assert requests.get(link(person, "resumed")["presignedUrl"], timeout=60).content == CONTENT
    gone = person.record("/presign", item("resumed", uploadId=upload["uploadId"]))
    assert "begin a new one" in assert_refused(gone, 404)
    assert announced(person, data_id="resumed")["uploadId"] != upload["uploadId"]


def test_in_a_batch_large_and_small_values_and_uploads_that_go_on_stand_in_their_places(person: Person) -> None:
    begun = announced(person, data_id="b-1")
    part = sent(begun, begun["parts"][0])
    items = [
        item("b-0", sizeBytes=5, sha256=None),
        item("b-1", uploadId=begun["uploadId"]),
        item("b-2"),
        item("b-3", uploadId=begun["uploadId"]),
        item("b-4", uploadId="0" * 32),
        item("b-5", uploadId=5),
        item("b-1", uploadId=begun["uploadId"], sizeBytes=len(CONTENT) + 1),
    ]
    answered = person.record("/presign/batch", {"items": items})
    assert answered.status_code == 200, answered.text
    answers = answered.json()["items"]
    large, small, refused = {"dataPath", "upload"}, {"dataPath", "presignedUrl"}, {"error"}
    assert [set(one) for one in answers] == [small, large, large, refused, refused, refused, refused]
    assert answers[1]["upload"]["parts"][0] == part
    assert answers[2]["upload"]["uploadId"] != begun["uploadId"]


def test_an_upload_that_goes_on_must_keep_to_what_it_began_with(person: Person) -> None:
    upload = announced(person, data_id="kept")
    for other in ({"sizeBytes": len(CONTENT) - 1}, {"sizeBytes": 5}, {"sha256": "0" * 64}):
        assert_refused(person.record("/presign", item("kept", uploadId=upload["uploadId"], **other)), 400)
    assert announced(person, data_id="kept", uploadId=upload["uploadId"], sizeBytes=None, sha256=None)


@pytest.mark.parametrize("upload_id", ["", "..", "../..", "x" * 300, "0" * 32, "é", "\x00"])
def test_an_upload_that_is_none_is_not_found(person: Person, upload_id: str) -> None:
    assert_refused(person.record("/presign", item(uploadId=upload_id)), 404)
    assert_refused(complete(person, {"uploadId": upload_id}, [{"partNumber": 1, "etag": '"x"'}]), 404)


def test_an_upload_of_another_project_or_value_is_not_found(person: Person, server: Server) -> None:
    upload = announced(person, data_id="private")
    parts = sent_all(upload)
    stranger = new_person(server)
    for somebody, data_id in ((stranger, "private"), (person, "another")):
        assert_refused(somebody.record("/presign", item(data_id, uploadId=upload["uploadId"])), 404)
        assert_refused(complete(somebody, upload, parts, data_id), 404)
    assert complete(person, upload, parts, "private").status_code == 200


PART = {"partNumber": 1, "etag": '"0"'}
BAD_COMPLETIONS: dict[str, object] = {
    "empty": {},
    "a list": [],
    "a number": 5,
    "dataId missing": {"uploadId": "u", "parts": [PART]},
    "dataId ..": {"dataId": "..", "uploadId": "u", "parts": [PART]},
    "dataId a path": {"dataId": "a/../b", "uploadId": "u", "parts": [PART]},
    "dataId a number": {"dataId": 5, "uploadId": "u", "parts": [PART]},
    "uploadId missing": {"dataId": "d", "parts": [PART]},
    "uploadId null": {"dataId": "d", "uploadId": None, "parts": [PART]},
    "uploadId a number": {"dataId": "d", "uploadId": 5, "parts": [PART]},
    "parts missing": {"dataId": "d", "uploadId": "u"},
    "parts empty": {"dataId": "d", "uploadId": "u", "parts": []},
    "parts an object": {"dataId": "d", "uploadId": "u", "parts": PART},
    "part a number": {"dataId": "d", "uploadId": "u", "parts": [1]},
    "partNumber 0": {"dataId": "d", "uploadId": "u", "parts": [PART | {"partNumber": 0}]},
    "partNumber negative": {"dataId": "d", "uploadId": "u", "parts": [PART | {"partNumber": -1}]},
    "partNumber huge": {"dataId": "d", "uploadId": "u", "parts": [PART | {"partNumber": 2**70}]},
    "partNumber 10001": {"dataId": "d", "uploadId": "u", "parts": [PART | {"partNumber": 10_001}]},
    "partNumber a string": {"dataId": "d", "uploadId": "u", "parts": [PART | {"partNumber": "1"}]},
    "partNumber a fraction": {"dataId": "d", "uploadId": "u", "parts": [PART | {"partNumber": 1.5}]},
    "partNumber true": {"dataId": "d", "uploadId": "u", "parts": [PART | {"partNumber": True}]},
    "partNumber missing": {"dataId": "d", "uploadId": "u", "parts": [{"etag": "x"}]},
    "etag missing": {"dataId": "d", "uploadId": "u", "parts": [{"partNumber": 1}]},
    "etag a number": {"dataId": "d", "uploadId": "u", "parts": [PART | {"etag": 1}]},
    "etag null": {"dataId": "d", "uploadId": "u", "parts": [PART | {"etag": None}]},
    "a part twice": {"dataId": "d", "uploadId": "u", "parts": [PART, PART]},
    "too many parts": {
        "dataId": "d", "uploadId": "u", "parts": [PART | {"partNumber": number % 9 + 1} for number in range(10_001)]
    },
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_COMPLETIONS)
def test_a_bad_completion_is_refused(person: Person, name: str) -> None:
    assert_refused(person.record("/presign/complete", BAD_COMPLETIONS[name]), 400)


def test_a_completion_without_a_good_key_is_refused(server: Server) -> None:
    body = {"dataId": "d", "uploadId": "u", "parts": [PART]}
    assert_refused(server.call("POST", "/api/v1/presign/complete", json=body), 401)
    assert_refused(server.call("POST", "/api/v1/presign/complete", json=body, key="xray_sk_" + "A" * 32), 401)


def test_parts_that_do_not_fit_are_named_and_the_upload_goes_on(person: Person) -> None:
    upload = announced(person, data_id="named")
    parts = [sent(upload, part) for part in upload["parts"][:2]]
    third = {"partNumber": 3, "etag": '"x"'}
    assert "Part 3" in assert_refused(complete(person, upload, [*parts, third], "named"), 400)
    parts.append(sent(upload, upload["parts"][2]))
    for given, said in (
        (parts[:2], "Part 3"),
        ([*parts[:2], third], "part 3"),
        ([*parts, {"partNumber": 4, "etag": '"x"'}], "part 4"),
    ):
        assert said in assert_refused(complete(person, upload, given, "named"), 400)
    assert link(person, "named")["uploaded"] is False
    assert complete(person, upload, parts, "named").status_code == 200


def test_a_whole_of_another_hash_is_refused_and_must_be_sent_again(person: Person) -> None:
    upload = announced(person, data_id="wrong", sha256="0" * 64)
    parts = sent_all(upload)
    assert "upload it again" in assert_refused(complete(person, upload, parts, "wrong"), 400)
    assert link(person, "wrong")["uploaded"] is False
    assert_refused(complete(person, upload, parts, "wrong"), 404)
    assert_refused(person.record("/presign", item("wrong", uploadId=upload["uploadId"], sha256="0" * 64)), 404)
    assert_refused(requests.put(upload["parts"][0]["presignedUrl"], data=b"x", timeout=60), 404)


def test_a_part_of_another_length_is_refused_in_one_piece_and_in_chunks(person: Person) -> None:
    upload = announced(person, data_id="lengths")
    url = upload["parts"][2]["presignedUrl"]
    length = len(CONTENT) - 2 * upload["partSizeBytes"]
    for body in (b"", CONTENT[: length - 1], CONTENT[: length + 1], iter([CONTENT[:length], b"x"]), iter([b"x"])):
        assert f"{length} bytes" in assert_refused(requests.put(url, data=body, timeout=60), 400)
    again = announced(person, data_id="lengths", uploadId=upload["uploadId"])
    assert ["etag" in part for part in again["parts"]] == [False, False, False]


def test_a_part_that_breaks_off_is_not_there_and_one_that_was_there_stays(person: Person) -> None:
    upload = announced(person, data_id="broken")
    first = sent(upload, upload["parts"][0])
    for part in upload["parts"][:2]:
        parts = urlsplit(part["presignedUrl"])
        begin = (part["partNumber"] - 1) * upload["partSizeBytes"]
        with socket.create_connection((parts.hostname, parts.port or 80), timeout=30) as wire:
            length = upload["partSizeBytes"]
            head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
            wire.sendall(head.encode() + CONTENT[begin : begin + 1_000_000])
            wire.shutdown(socket.SHUT_WR)
            assert b" 400 " in wire.recv(65536).partition(b"\r\n")[0]
    again = announced(person, data_id="broken", uploadId=upload["uploadId"])
    assert again["parts"][0] == first
    assert ["etag" in part for part in again["parts"]] == [True, False, False]


def test_no_address_of_a_part_leaves_the_directory(person: Person, tmp_path: Path) -> None:
    upload = announced(person, data_id="escape")
    query = urlsplit(upload["parts"][0]["presignedUrl"]).query
    base = f"{person.server.base_url}/blobs/{person.project_id}"
    for path in ("escape/parts/..%2f1", "escape/parts/0", "escape/parts/-1", "escape/parts/01", "escape/parts/1%00",
                 "..%2fescape/parts/1", "escape/parts/x", "escape/parts/"):  # fmt: skip
        answered = requests.put(f"{base}/{path}?{query}", data=b"x", timeout=60)
        assert answered.status_code in (403, 404, 405), answered.text
        assert_refused(answered, answered.status_code)
    assert_refused(requests.get(f"{base}/escape/parts/1?{query}", timeout=60), 405)


def test_answers_have_the_shapes_that_the_openapi_document_gives_them(person: Person) -> None:
    document = person.server.call("GET", "/openapi.json").json()
    upload = announced(person, data_id="shape")
    parts = sent_all(upload)
    for path, body in (
        ("/presign", item("shape", uploadId=upload["uploadId"])),
        ("/presign", item("small", sizeBytes=5)),
        ("/presign/batch", {"items": [item("shape", uploadId=upload["uploadId"]), item("n"), item("..")]}),
        ("/presign/complete", {"dataId": "shape", "uploadId": upload["uploadId"], "parts": parts}),
        ("/presign/complete", {"dataId": "shape", "uploadId": "none", "parts": parts}),
        ("/presign/complete", {"dataId": "shape", "uploadId": "none", "parts": []}),
    ):
        described = document["paths"][f"/api/v1{path}"]["post"]
        answered = person.record(path, body)
        schema = described["responses"][str(answered.status_code)]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(answered.json())
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        if answered.ok and path == "/presign/complete":
            Draft202012Validator({**schema, "components": document["components"]}).validate(body)
