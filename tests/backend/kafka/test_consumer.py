"""The consumer as a process: what is in the topic comes into the store once, and is committed after that."""

import signal
import sys
import time

import pytest

from tests.backend.api.events import step, trace_start, trace_success
from tests.backend.background import wait_until
from tests.backend.kafka.consuming import Place, step_ids
from tests.backend.kafka.topic import PROJECT, Topic
from xray_backend.kafka.message import headers_of

FAULTY = (sys.executable, "-m", "tests.backend.kafka.faulty_program")
BACKLOG = 6_000


def steps(begin: int, end: int) -> list[dict[str, object]]:
    return [step(f"s-{number:05}", f"trace-{number % 10}") for number in range(begin, end)]


def ids(count: int) -> list[str]:
    return [f"s-{number:05}" for number in range(count)]


def test_a_new_group_reads_from_the_beginning_and_commits_what_is_stored(place: Place, topic: Topic) -> None:
    topic.publish(trace_start(), *steps(0, 500), trace_success())
    with place.consumer() as consumer:
        wait_until(lambda: topic.lag() == {})
        assert consumer.metric("xray_store_documents_total") == 500
    store = place.store()
    assert step_ids(store) == ids(500)
    found = store.trace(PROJECT, "trace-1")
    assert found is not None
    assert b'"status":"success"' in found.replace(b" ", b"")
    store.close()


def test_a_consumer_that_comes_back_goes_on_where_the_last_one_was(place: Place, topic: Topic) -> None:
    topic.publish(*steps(0, 100))
    with place.consumer("first"):
        wait_until(lambda: topic.lag() == {})
    topic.publish(*steps(100, 150))
    with place.consumer("second") as second:
        wait_until(lambda: topic.lag() == {})
        assert second.metric("xray_store_documents_total") == 50
    store = place.store()
    assert step_ids(store) == ids(150)
    store.close()


def test_sigterm_ends_it_within_ten_seconds_with_its_batch_committed(place: Place, topic: Topic) -> None:
    topic.publish(*steps(0, 900))
    with place.consumer() as consumer:
        wait_until(lambda: consumer.metric("xray_store_documents_total") > 0)
        begun = time.monotonic()
        consumer.signal(signal.SIGTERM)
        assert consumer.status() == 0
        assert time.monotonic() - begun < 10
        stored = consumer.output
    assert "Traceback" not in stored
    store = place.store()
    assert len(step_ids(store)) + sum(topic.lag().values()) == 900
    store.close()


def test_one_that_ends_amid_a_backlog_has_committed_what_it_stored_and_the_next_stores_the_rest(
    place: Place, topic: Topic
) -> None:
    for begin in range(0, BACKLOG, 1000):
        topic.publish(*steps(begin, begin + 1000))
    with place.consumer("first") as first:
        wait_until(lambda: first.metric("xray_store_documents_total") > 2500)  # batches are full by then
        first.signal(signal.SIGTERM)
        assert first.status() == 0
    store = place.store()
    left = sum(topic.lag().values())
    assert len(step_ids(store)) == BACKLOG - left
    with place.consumer("next") as following:
        wait_until(lambda: topic.lag() == {})
        assert following.metric('xray_store_documents_total{outcome="new"}') == left
    assert step_ids(store) == ids(BACKLOG)
    store.close()


def test_one_that_is_killed_between_store_and_commit_reads_the_batch_again_and_stores_it_once(
    place: Place, topic: Topic
) -> None:
    topic.publish(*steps(0, 200))
    killed = place.consumer("killed", program=(*FAULTY, "killed before the commit"))
    killed.launch()
    assert killed.status() == -signal.SIGKILL
    store = place.store()
    before = step_ids(store)
    assert before
    assert sum(topic.lag().values()) == 200
    with place.consumer("next") as consumer:
        wait_until(lambda: topic.lag() == {})
        assert consumer.metric('xray_store_documents_total{outcome="repeated"}') == len(before)
    assert step_ids(store) == ids(200)
    store.close()


def test_a_bug_ends_it_with_a_traceback_and_nothing_committed(place: Place, topic: Topic) -> None:
    topic.publish(*steps(0, 10))
    consumer = place.consumer(program=(*FAULTY, "a bug"))
    consumer.launch()
    assert consumer.status() not in (0, None)
    assert "ZeroDivisionError" in consumer.output
    assert sum(topic.lag().values()) == 10
    assert topic.dead() == []


def test_a_message_of_a_newer_version_stops_it_with_a_sentence_and_is_not_committed(place: Place, topic: Topic) -> None:
    topic.publish(*steps(0, 10))
    newer = [(name, b"2" if name == "version" else value) for name, value in headers_of(PROJECT, "r", 1)]
    topic.produce(b"{}", newer, trace_id="trace-0")
    consumer = place.consumer()
    consumer.launch()
    assert consumer.status() == 1
    assert "has version 2; this program knows 1. Install the newer one here, too." in consumer.output
    assert "Traceback" not in consumer.output
    store = place.store()
    left = 11 - len(step_ids(store))  # the ten before it may have come as a batch by themselves
    assert sum(topic.lag().values()) == left >= 1
    assert topic.dead() == []
    store.close()


def test_what_comes_before_a_message_of_a_newer_version_is_stored_and_committed_by_batches(
    place: Place, topic: Topic
) -> None:
    for begin in range(0, 3000, 1000):
        topic.publish(*[step(f"s-{number:05}", "trace-0") for number in range(begin, begin + 1000)])
    newer = [(name, b"2" if name == "version" else value) for name, value in headers_of(PROJECT, "r", 1)]
    topic.produce(b"{}", newer, trace_id="trace-0")
    consumer = place.consumer()
    consumer.launch()
    assert consumer.status() == 1
    store = place.store()
    stored = len(step_ids(store))
    assert stored >= 2000  # all but the batch that the message is in
    assert sum(topic.lag().values()) == 3001 - stored
    store.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_a_signal_while_there_is_no_broker_and_somebody_asks_whether_it_is_ready(
    place: Place, number: signal.Signals
) -> None:
    consumer = place.consumer(XRAY_BUS_URL="kafka://127.0.0.1:9/events")
    consumer.launch()
    wait_until(lambda: "ready at" in consumer.output)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="the queue cannot be used"):
            consumer.answer()
    consumer.signal(number)
    assert consumer.status() == 0
    assert consumer.output.count("Connection refused") < 20


def test_without_its_topic_it_says_so_and_goes_on_once_the_topic_is_made(place: Place, kafka_servers: str) -> None:
    place.topic = Topic(kafka_servers)
    consumer = place.consumer()
    consumer.launch()
    try:
        sentence = f"The queue has no topic {place.topic.name}; `xray-backend init` makes it."
        wait_until(lambda: sentence in consumer.output)
        place.topic.make()
        place.topic.publish(*steps(0, 5))
        wait_until(lambda: place.topic.lag() == {})
    finally:
        consumer.stop()
    store = place.store()
    assert step_ids(store) == ids(5)
    store.close()
