"""The API's side of the queue: what `publish` returned is with the brokers, and what it refused is refused at once."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import requests

from tests.backend.api.events import data, step, trace_start, trace_success
from tests.backend.background import wait_until
from tests.backend.kafka.topic import PROJECT, Topic, taken
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.calfkit_kafka import CalfkitKafka
from tests.servers.fixtures import LIVE
from tests.servers.process import free_port
from xray_backend.errors import Unavailable
from xray_backend.kafka.bus import KafkaBus
from xray_backend.kafka.message import text_headers

TIMEOUT_SECONDS = 2.0
SLACK_SECONDS = 1.5  # of a machine that has much else to do

OwnBroker = CalfkitKafka | ApacheKafka

BROKERS = [CalfkitKafka, pytest.param(ApacheKafka, marks=pytest.mark.live)]


def test_what_was_published_is_in_the_topic_as_it_came_with_its_key_and_headers(topic: Topic) -> None:
    events = [trace_start("t", metadata={"city": "Ürümqi"}), step("s", "t", metadata={"n": 12345678901234567890})]
    begun_ms = int(time.time() * 1000)
    bus = topic.bus()
    assert list(bus.publish(PROJECT, taken(*events), "request-7")) == []
    messages = topic.messages()
    assert [msgspec.json.decode(message.value() or b"") for message in messages] == events
    for message in messages:
        headers = dict(text_headers(message))
        assert message.key() == b"project-1/t"
        assert begun_ms <= int(headers.pop("received")) <= begun_ms + 60_000
        assert headers == {"version": "1", "project": PROJECT, "request": "request-7"}
    bus.close()


def test_one_trace_lies_in_one_partition_in_the_order_in_which_it_came(topic: Topic) -> None:
    bus = topic.bus()
    for number in range(20):
        bus.publish(PROJECT, taken(*[step(f"{number:03}-{part}", f"t-{part}") for part in range(10)]), "r")
    bus.publish(PROJECT, taken(*[trace_success(f"t-{part}") for part in range(10)]), "r")
    bus.close()
    partitions: dict[str, set[int | None]] = {}
    order: dict[str, list[str]] = {}
    for message in topic.messages():
        event = msgspec.json.decode(message.value() or b"")
        partitions.setdefault(event["traceId"], set()).add(message.partition())
        order.setdefault(event["traceId"], []).append(event.get("stepId", "~end"))
    assert all(len(found) == 1 for found in partitions.values())
    assert len(set.union(*partitions.values())) > 1
    assert all(found == sorted(found) and len(found) == 21 for found in order.values())


def test_many_threads_share_one_producer(topic: Topic) -> None:
    bus = topic.bus()
    failures: list[BaseException] = []

    def publish(number: int) -> None:
        try:
            for turn in range(20):
                bus.publish(PROJECT, taken(*[step(f"{number}-{turn}-{part}") for part in range(10)]), "r")
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bus.close()
    assert failures == []
    assert len({message.value() for message in topic.messages()}) == 8 * 20 * 10


@pytest.mark.parametrize("server", BROKERS)
def test_a_killed_broker_costs_a_refusal_in_time_and_the_next_request_works_once_it_is_back(
    server: type[OwnBroker], tmp_path: Path
) -> None:
    with server(tmp_path) as broker, Topic(broker.servers) as topic:
        bus = topic.bus(timeout_seconds=TIMEOUT_SECONDS)
        bus.publish(PROJECT, taken(step("before")), "r")
        broker.kill()
        for _ in range(3):
            begun = time.monotonic()
            with pytest.raises(Unavailable, match="The queue did not take the events") as refusal:
                bus.publish(PROJECT, taken(step("meanwhile")), "r")
            assert time.monotonic() - begun < TIMEOUT_SECONDS + SLACK_SECONDS
            assert refusal.value.retry_after_seconds
        with pytest.raises(Unavailable):
            bus.ping()
        broker.start()
        topic.make()  # one in memory has forgotten it
        begun = time.monotonic()
        wait_until(lambda: published(bus, "after"))
        assert time.monotonic() - begun < 15
        bus.ping()
        bus.close()
        values = [msgspec.json.decode(message.value() or b"")["stepId"] for message in topic.messages()]
        assert "after" in values
        assert isinstance(broker, CalfkitKafka) or "before" in values


def published(bus: KafkaBus, name: str) -> bool:
    try:
        bus.publish(PROJECT, taken(step(name)), "r")
    except Unavailable:
        return False
    return True


def test_without_a_broker_a_request_is_refused_in_time_and_closing_does_not_hang() -> None:
    bus = KafkaBus(f"kafka://127.0.0.1:{free_port()}/events", {}, timeout_seconds=TIMEOUT_SECONDS)
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        bus.publish(PROJECT, taken(step()), "r")
    with pytest.raises(Unavailable, match="The queue does not answer"):
        bus.ping()
    bus.close()
    bus.close()
    assert time.monotonic() - begun < 2 * TIMEOUT_SECONDS + 2 * SLACK_SECONDS


def test_without_its_topic_a_request_is_refused_with_a_sentence_that_says_what_makes_it(kafka_servers: str) -> None:
    topic = Topic(kafka_servers)
    bus = topic.bus(timeout_seconds=TIMEOUT_SECONDS)
    with pytest.raises(Unavailable):
        bus.publish(PROJECT, taken(step()), "r")
    with pytest.raises(Unavailable, match=f"The queue has no topic {topic.name}; `xray-backend init` makes it."):
        bus.ping()
    topic.make()
    wait_until(lambda: published(bus, "after"))
    bus.close()


def test_a_full_queue_is_a_refusal_in_time(kafka_servers: str) -> None:
    bus = Topic(kafka_servers).bus(timeout_seconds=TIMEOUT_SECONDS, **{"queue.buffering.max.messages": "10"})
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="The queue"):
        bus.publish(PROJECT, taken(*[step(f"s-{number}") for number in range(100)]), "r")
    assert time.monotonic() - begun < TIMEOUT_SECONDS + SLACK_SECONDS
    bus.close()


def limited_here(topic: Topic) -> KafkaBus:
    return topic.bus(**{"message.max.bytes": "20000"})


def limited_by_the_broker(topic: Topic) -> KafkaBus:
    topic.limit(topic.name, 20_000)
    return topic.bus(**{"compression.type": "none"})


@pytest.mark.parametrize(
    "limited", [limited_here, pytest.param(limited_by_the_broker, marks=[] if LIVE else pytest.mark.live)]
)
def test_what_is_too_large_is_refused_by_its_index_and_costs_no_other_event(
    topic: Topic, limited: Callable[[Topic], KafkaBus]
) -> None:
    large = "x" * 30_000
    events = [step(f"s-{number}", metadata={"text": large if number in (3, 17) else "y" * 900}) for number in range(30)]
    bus = limited(topic)
    for _ in range(2):  # and it goes on after that
        rejected = bus.publish(PROJECT, taken(*events), "r")
        assert [rejection.index for rejection in rejected] == [3, 17]
        assert all("bytes, which is more than the queue takes" in rejection.error for rejection in rejected)
    bus.close()
    found = {msgspec.json.decode(message.value() or b"")["stepId"] for message in topic.messages()}
    assert found == {f"s-{number}" for number in range(30)} - {"s-3", "s-17"}


def test_each_process_makes_a_producer_of_its_own_after_the_fork(topic: Topic, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--bind", f"127.0.0.1:{port}"]
    log = open(tmp_path / "log", "wb")  # noqa: SIM115 - as long as the process
    environment = {**os.environ, "XRAY_BUS_URL": topic.url}
    application = "tests.backend.kafka.forking_app:application"
    process = subprocess.Popen([*command, application], env=environment, stdout=log, stderr=log)
    answered: dict[str, str] = {}
    try:
        wait_until(lambda: answers(port, answered) and len(set(answered.values())) == 2)
    finally:
        process.terminate()
        status = process.wait(30)
        log.close()
    assert status == 0
    stored = {msgspec.json.decode(message.value() or b"")["stepId"] for message in topic.messages()}
    assert set(answered) <= stored
    assert sum(name.startswith("master-") for name in stored) == 1


def answers(port: int, answered: dict[str, str]) -> bool:
    """Ask for one more event; remember who answered."""
    name = f"s-{len(answered)}"
    try:
        answer = requests.get(f"http://127.0.0.1:{port}/?{name}", timeout=30)
    except requests.ConnectionError:
        return False
    assert answer.status_code == 200
    answered[name] = answer.text
    return True


def test_inline_content_comes_through_unchanged(topic: Topic) -> None:
    event = data("d", content="aGVsbG8=", contentType="text/plain")
    bus = topic.bus()
    bus.publish(PROJECT, taken(event), "r")
    bus.close()
    assert [msgspec.json.decode(message.value() or b"") for message in topic.messages()] == [event]
