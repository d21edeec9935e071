"""An upload in parts goes on after the server was killed, at whatever moment, and after the disk was full."""

import hashlib
import os
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.backend.background import wait_until
from tests.backend.server import Person, Server, assert_refused, new_person
from tests.server_faults.processes import peak_bytes

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the worker's process is found and limited through /proc"
)
Answer = dict[str, Any]
PART_BYTES = 8 * 1024 * 1024
CONTENT = hashlib.shake_128(b"a large value").digest(3 * PART_BYTES - 7)
MANY_PARTS = 16


def announced(person: Person, content: bytes, upload: Answer | None = None) -> Answer:
    sha256 = hashlib.sha256(content).hexdigest()
    named = {"dataId": "large", "traceId": "trace-1", "key": "frame", "sizeBytes": len(content), "sha256": sha256}
    answered = person.record("/presign", named | ({} if upload is None else {"uploadId": upload["uploadId"]}))
    assert answered.status_code == 200, answered.text
    found: Answer = answered.json()["upload"]
    assert found["partSizeBytes"] == PART_BYTES
    return found


def put(part: Answer, content: bytes) -> requests.Response:
    end = part["partNumber"] * PART_BYTES
    return requests.put(part["presignedUrl"], data=content[end - PART_BYTES : end], timeout=60)


def sent(parts: list[Answer], content: bytes) -> list[Answer]:
    """Put those parts that are not there, and return what completing the upload says of all of them."""
    done = []
    for part in parts:
        if "presignedUrl" in part:
            answered = put(part, content)
            assert answered.status_code == 200, answered.text
            done.append({"partNumber": part["partNumber"], "etag": answered.headers["ETag"]})
        else:
            done.append(part)
    return done


def complete(person: Person, upload: Answer, parts: list[Answer]) -> requests.Response:
    return person.record("/presign/complete", {"dataId": "large", "uploadId": upload["uploadId"], "parts": parts})


def given_back(person: Person) -> bytes:
    person.ingest({"type": "trace-start", "traceId": "trace-1", "createdAt": 1})
    link = person.call("GET", "traces/trace-1/data/large").json()
    assert link["uploaded"] is True
    return requests.get(link["presignedUrl"], timeout=60).content


def test_an_upload_goes_on_after_the_server_was_killed_in_the_middle_of_a_part(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        upload = announced(person, CONTENT)
        kept = sent(upload["parts"][:1], CONTENT)
        address = urlsplit(upload["parts"][1]["presignedUrl"])
        with socket.create_connection((address.hostname, address.port or 80), timeout=30) as wire:
            head = f"PUT {address.path}?{address.query} HTTP/1.1\r\nHost: x\r\nContent-Length: {PART_BYTES}\r\n\r\n"
            wire.sendall(head.encode() + CONTENT[PART_BYTES : 2 * PART_BYTES - 1_000_000])
            (folder,) = (tmp_path / "blobs" / ".uploads").iterdir()
            while (folder / "bytes").stat().st_size <= PART_BYTES:
                assert server.call("GET", "/health").status_code == 200
            server.kill()
    with Server(tmp_path) as server:
        person = replace(person, server=server)
        again = announced(person, CONTENT, upload)
        assert again["parts"][0] == kept[0]
        assert ["etag" in part for part in again["parts"]] == [True, False, False]
        assert complete(person, again, sent(again["parts"], CONTENT)).status_code == 200
        assert given_back(person) == CONTENT


def test_an_upload_goes_on_after_the_server_was_killed_while_it_was_completed(tmp_path: Path) -> None:
    content = CONTENT[:PART_BYTES] * MANY_PARTS
    with Server(tmp_path) as server:
        person = new_person(server)
        upload = announced(person, content)
        parts = sent(upload["parts"], content)
        (folder,) = (tmp_path / "blobs" / ".uploads").iterdir()
        before_ns = folder.stat().st_mtime_ns
        statuses: list[int] = []

        def try_to_complete() -> None:
            try:
                statuses.append(complete(person, upload, parts).status_code)
            except requests.RequestException:
                statuses.append(0)  # the server is gone

        thread = threading.Thread(target=try_to_complete)
        thread.start()
        while folder.stat().st_mtime_ns == before_ns and thread.is_alive():
            pass
        server.kill()
        thread.join(60)
    with Server(tmp_path) as server:
        person = replace(person, server=server)
        if statuses == [0] and not (tmp_path / "blobs" / person.project_id / "large").exists():
            parts = announced(person, content, upload)["parts"]
            assert all("etag" in part for part in parts)
        assert complete(person, upload, parts).status_code == 200
        assert given_back(person) == content


def test_an_upload_goes_on_when_a_full_disk_has_room_again(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        upload = announced(person, CONTENT)
        server.limit_file_size(PART_BYTES + 1_000_000)
        kept = sent(upload["parts"][:1], CONTENT)
        for part in upload["parts"][1:]:
            assert_refused(put(part, CONTENT), 503)
        server.limit_file_size(2**40)
        again = announced(person, CONTENT, upload)
        assert again["parts"][0] == kept[0]
        assert ["etag" in part for part in again["parts"]] == [True, False, False]
        assert complete(person, again, sent(again["parts"], CONTENT)).status_code == 200
        assert given_back(person) == CONTENT


def test_a_blob_store_that_is_away_is_no_reason_to_begin_anew(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        upload = announced(person, CONTENT)
        parts = sent(upload["parts"], CONTENT)
        blobs = tmp_path / "blobs"
        blobs.rename(tmp_path / "moved")
        blobs.write_text("no directory")
        item = {"dataId": "large", "traceId": "trace-1", "key": "frame", "sizeBytes": len(CONTENT)}
        assert_refused(person.record("/presign", item), 503)
        assert_refused(person.record("/presign", item | {"uploadId": upload["uploadId"]}), 503)
        assert_refused(person.record("/presign/batch", {"items": [item | {"uploadId": upload["uploadId"]}]}), 503)
        assert_refused(put(upload["parts"][0], CONTENT), 503)
        assert_refused(complete(person, upload, parts), 503)
        blobs.unlink()
        (tmp_path / "moved").rename(blobs)
        assert complete(person, upload, parts).status_code == 200


def test_an_upload_in_parts_is_never_in_memory_whole(tmp_path: Path) -> None:
    content = CONTENT[:PART_BYTES] * MANY_PARTS
    with Server(tmp_path) as server:
        person = new_person(server)
        worker = server.worker()
        before = peak_bytes(worker)
        upload = announced(person, content)
        assert complete(person, upload, sent(upload["parts"], content)).status_code == 200
        assert peak_bytes(worker) - before < len(content) // 4


def test_what_nobody_goes_on_with_is_removed_at_a_start_that_comes_a_day_later(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        old, fresh = announced(person, CONTENT), announced(person, CONTENT)
    uploads = tmp_path / "blobs" / ".uploads"
    os.utime(uploads / old["uploadId"], (0, 0))
    with Server(tmp_path) as server:
        wait_until(lambda: [path.name for path in uploads.iterdir()] == [fresh["uploadId"]])
        assert_refused(complete(replace(person, server=server), old, [{"partNumber": 1, "etag": '"x"'}]), 404)
