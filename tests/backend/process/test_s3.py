"""The whole server with its blobs on S3, seen from the SDK that records and from the person who reads."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.backend.background import wait_until
from tests.backend.blobs.bucket import Bucket
from tests.backend.server import Person, Server, assert_refused, new_person, refused_start
from tests.servers.process import HOST, free_port
from tests.servers.s3_client import S3Endpoint
from xray_backend.blobs.s3_layout import prepare

PART_BYTES = 8 * 1024 * 1024
LARGE = hashlib.shake_128(b"large").digest(2 * PART_BYTES + 5)
RECORDING = """
import hashlib, sys
import xray_trace as xray

xray.configure(api_key=sys.argv[1], base_url=sys.argv[2], spool_dir=sys.argv[3])

@xray.step()
def work(small, medium, large):
    return len(large)

work("small", "medium" * 20_000, hashlib.shake_128(b"large").digest(int(sys.argv[4])))
result = xray.shutdown(60)
assert (result.pending, result.dropped) == (0, {}), result
"""


@pytest.fixture(scope="module")
def bucket(s3_endpoint: S3Endpoint) -> Iterator[Bucket]:
    bucket = Bucket.new(s3_endpoint)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_endpoint.variables.items():
            patch.setenv(name, value)
        prepare(bucket.url)
        yield bucket


@pytest.fixture(scope="module")
def server(bucket: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), XRAY_BLOBS_URL=bucket.url) as server:
        yield server


@pytest.fixture
def person(server: Server) -> Person:
    return new_person(server)


def announce(person: Person, data_id: str, content: bytes, **more: Any) -> dict[str, Any]:
    sha256 = hashlib.sha256(content).hexdigest()
    named = {"dataId": data_id, "traceId": "trace-1", "key": "value", "sizeBytes": len(content), "sha256": sha256}
    answered = person.record("/presign", named | more)
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.json()
    return found


def link(person: Person, data_id: str, trace_id: str = "trace-1") -> dict[str, Any]:
    answered = person.call("GET", f"traces/{trace_id}/data/{data_id}")
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.json()
    return found


def test_what_the_sdk_records_lies_in_the_bucket_and_is_read_through_the_links(
    person: Person, bucket: Bucket, tmp_path: Path
) -> None:
    arguments = [person.key, person.server.base_url, str(tmp_path / "spool"), str(len(LARGE))]
    subprocess.run([sys.executable, "-W", "error", "-c", RECORDING, *arguments], check=True, timeout=120)
    (step,) = person.steps({"stepName": "work"})
    links = {
        artifact["key"]: link(person, artifact["dataId"], step["traceId"])
        for artifact in step["artifacts"]
        if artifact["type"] == "input"
    }
    assert all(found["uploaded"] for found in links.values())
    contents = {key: requests.get(found["presignedUrl"], timeout=60).content for key, found in links.items()}
    assert contents == {"small": b'"small"', "medium": b"medium" * 20_000, "large": LARGE}
    data_ids = {artifact["dataId"] for artifact in step["artifacts"] if artifact["key"] in ("medium", "large")}
    assert {key for key in bucket.names() if key.startswith(person.project_id)} == {
        f"{person.project_id}/{data_id}" for data_id in data_ids
    }


def test_the_server_itself_gives_back_what_came_inside_an_event_and_takes_no_blobs(person: Person) -> None:
    event = {"type": "data", "dataId": "inline", "traceId": "trace-1", "key": "value", "content": "inside"}
    assert person.ingest(event).status_code == 200
    url = link(person, "inline")["presignedUrl"]
    assert url.startswith(person.server.base_url)
    assert requests.get(url, timeout=60).content == b"inside"
    for path in ("", "/parts/1"):
        assert_refused(person.server.call("PUT", f"/blobs/{person.project_id}/inline{path}", body=b"x"), 404)


def test_a_value_that_was_announced_and_never_came_is_not_uploaded(person: Person) -> None:
    announced = announce(person, "never", b"right", contentType="text/plain")
    assert announced["dataPath"] == f"{person.project_id}/never"
    found = link(person, "never")
    assert (found["uploaded"], found["presignedUrl"]) == (False, None)
    assert requests.put(announced["presignedUrl"], b"right", headers={"Content-Type": "text/plain"}, timeout=60).ok
    found = link(person, "never")
    assert found["uploaded"]
    assert requests.get(found["presignedUrl"], timeout=60).headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_value_that_was_recorded_with_another_hash_gets_no_url(person: Person) -> None:
    announce(person, "twice", b"first")
    named = {"dataId": "twice", "traceId": "trace-1", "key": "value", "sizeBytes": 5, "sha256": "0" * 64}
    assert "announced before" in assert_refused(person.record("/presign", named), 400)


def test_an_upload_in_parts_goes_on_on_a_server_that_was_started_again(bucket: Bucket, tmp_path: Path) -> None:
    with Server(tmp_path / "server", XRAY_BLOBS_URL=bucket.url) as server:
        person = new_person(server)
        begun = announce(person, "large", LARGE)["upload"]
        assert requests.put(begun["parts"][1]["presignedUrl"], LARGE[PART_BYTES : 2 * PART_BYTES], timeout=60).ok
        server.kill()
        server.start()
        person = replace(person, server=server)
        resumed = announce(person, "large", LARGE, uploadId=begun["uploadId"])["upload"]
        parts = []
        for part in resumed["parts"]:
            end = part["partNumber"] * PART_BYTES
            if "presignedUrl" in part:
                part["etag"] = requests.put(part["presignedUrl"], LARGE[end - PART_BYTES : end], timeout=60).headers[
                    "ETag"
                ]
                parts.append(part["partNumber"])
        assert parts == [1, 3]
        named = [{"partNumber": part["partNumber"], "etag": part["etag"]} for part in resumed["parts"]]
        whole = {"dataId": "large", "uploadId": begun["uploadId"], "parts": named}
        for _ in range(2):
            assert person.record("/presign/complete", whole).status_code == 200
        assert requests.get(link(person, "large")["presignedUrl"], timeout=60).content == LARGE


def test_the_objects_of_a_deleted_trace_and_of_a_deleted_project_go(person: Person, bucket: Bucket) -> None:
    for number in (1, 2):
        event = {"type": "trace-start", "traceId": f"trace-{number}", "createdAt": 1}
        assert person.ingest(event).status_code == 200
        url = announce(person, f"value-{number}", b"x", traceId=f"trace-{number}")["presignedUrl"]
        assert requests.put(url, b"x", timeout=60).ok
    announce(person, "unfinished", LARGE, traceId="trace-2")
    assert person.call("DELETE", "traces/trace-1").status_code == 200
    wait_until(lambda: f"{person.project_id}/value-1" not in bucket.names())
    assert f"{person.project_id}/value-2" in bucket.names()
    assert person.call("DELETE", "").status_code == 200
    wait_until(lambda: not [key for key in bucket.names() if person.project_id in key])
    assert not [key for key in bucket.unfinished() if person.project_id in key]


def test_a_url_that_names_no_place_is_told_in_one_sentence_before_anything_is_written(tmp_path: Path) -> None:
    status, output = refused_start(
        ["up", "--port", "0", "--data-dir", str(tmp_path / "server")], XRAY_BLOBS_URL="s3://bucket/x?regoin=eu"
    )
    assert status == 2
    assert output.count("\n") == 1
    assert "it has the parameter 'regoin'" in output
    assert not (tmp_path / "server").exists()


def test_while_s3_is_away_events_are_taken_and_what_needs_it_is_503(tmp_path: Path) -> None:
    away = f"s3://blobs/?endpoint=http://{HOST}:{free_port()}&addressing=path"
    secret = "not-to-be-seen-in-any-log"
    variables = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": secret, "XRAY_BLOBS_URL": away}
    with Server(tmp_path / "server", **variables) as server:
        person = new_person(server)
        assert person.ingest({"type": "trace-start", "traceId": "trace-1", "createdAt": 1}).status_code == 200
        assert "presignedUrl" in announce(person, "small", b"x")
        named = {"dataId": "large", "traceId": "trace-1", "key": "value", "sizeBytes": len(LARGE)}
        assert_refused(person.record("/presign", named), 503)
        assert_refused(person.call("GET", "traces/trace-1/data/small"), 503)
        ready = server.call("GET", "/ready")
        assert (ready.status_code, "blob store" in ready.text) == (503, True)
    assert "EndpointConnectionError" in server.output
    assert secret not in server.output
    assert "Signature" not in server.output
