"""Announcing values over the queue: what it refuses is refused alone."""

import os
from pathlib import Path

import requests

from tests.backend.background import wait_until
from tests.backend.kafka.consuming import Place
from tests.backend.kafka.topic import Topic
from tests.backend.server import Server, assert_refused, new_person, refused_start
from tests.servers.backend import run_backend
from tests.servers.programs import settings_of
from tests.servers.s3_client import S3Endpoint

LIMIT_BYTES = 20_000


def test_of_a_batch_the_value_that_the_queue_refuses_gets_an_error_and_the_others_their_urls(
    place: Place, topic: Topic, s3_endpoint: S3Endpoint, tmp_path: Path
) -> None:
    variables = {**settings_of(topic.servers, "", s3_endpoint, topic.name), **place.settings(), "XRAY_LOG": "none"}
    run_backend(["init"], {**os.environ, **variables})
    variables["XRAY_KAFKA_OPTIONS"] = f'{{"message.max.bytes": {LIMIT_BYTES}}}'
    items = [{"dataId": f"d-{number}", "traceId": "trace-1", "key": "value"} for number in range(3)]
    items[1] |= {"metadata": {"text": "x" * LIMIT_BYTES}}  # type: ignore[dict-item]
    with Server(tmp_path / "api", command="serve", **variables) as server:
        person = new_person(server)
        answered = person.record("/presign/batch", {"items": items})
        assert answered.status_code == 200
        first, refused, last = answered.json()["items"]
        assert set(refused) == {"error"}
        assert "bytes, which is more than the queue takes" in refused["error"]
        assert {first["dataPath"], last["dataPath"]} == {f"{person.project_id}/d-{number}" for number in (0, 2)}
        assert "more than the queue takes" in assert_refused(person.record("/presign", items[1]), 413)
        with place.consumer():
            path = "traces/trace-1/data"
            wait_until(lambda: all(person.call("GET", f"{path}/d-{at}").status_code == 200 for at in (0, 2)))
        assert person.call("GET", f"{path}/d-1").status_code == 404
        for allowed in (first, last):
            assert requests.put(allowed["presignedUrl"], b"bytes", timeout=60).status_code == 200


def test_behind_a_queue_values_on_a_disk_are_refused_at_the_start(place: Place, tmp_path: Path) -> None:
    """Their records come after their bytes, which a disk takes for those of a value that was deleted."""
    variables = {**place.settings(), "XRAY_JWT_SECRET": "j" * 32, "XRAY_DATA_DIR": str(tmp_path / "api")}
    status, said = refused_start(["serve", "--port", "0"], **variables)
    assert status == 2
    assert "set XRAY_BLOBS_URL to s3://bucket/prefix" in said
