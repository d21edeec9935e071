"""Announcing values over the queue: what it refuses is refused alone."""

from pathlib import Path

from tests.backend.background import wait_until
from tests.backend.kafka.consuming import Place
from tests.backend.kafka.topic import Topic
from tests.backend.server import Server, assert_refused, new_person

LIMIT_BYTES = 20_000


def test_of_a_batch_the_value_that_the_queue_refuses_gets_an_error_and_the_others_their_urls(
    place: Place, topic: Topic, tmp_path: Path
) -> None:
    variables = {**place.settings(**{"message.max.bytes": LIMIT_BYTES}), "XRAY_JWT_SECRET": "j" * 32}
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
            url = allowed["presignedUrl"].removeprefix(server.base_url)
            assert server.call("PUT", url, body=b"bytes", headers={"Content-Type": "text/plain"}).status_code == 200
