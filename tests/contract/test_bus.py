"""What every bus must do: what `publish` took comes into the store, once, and nothing else does."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.backend.api.events import data, step, trace_failure, trace_start, trace_success
from tests.backend.background import wait_until
from tests.backend.kafka.consuming import QUICK, step_ids
from tests.backend.kafka.topic import PROJECT, Topic, taken
from tests.servers.fixtures import LIVE
from xray_backend.config import load_config
from xray_backend.ingest.bus import Bus, InlineBus
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.processor import Processor
from xray_backend.kafka.program import make_consumer
from xray_backend.metrics import Metrics
from xray_backend.store.base import Store
from xray_backend.store.sqlite.store import SqliteStore

LARGE = "x" * 100_000


@dataclass(frozen=True)
class Way:
    """A bus, the store behind it, and how to wait until all is there."""

    bus: Bus
    store: Store
    settle: Callable[[], None]

    def publish(self, *events: dict[str, Any]) -> Sequence[int]:
        """Publish, and return the places of what was refused."""
        return [rejection.index for rejection in self.bus.publish(PROJECT, taken(*events), "request")]


@contextmanager
def inline(request: pytest.FixtureRequest, store: Store) -> Iterator[Way]:
    yield Way(InlineBus(Processor(store, Metrics())), store, lambda: None)


@contextmanager
def kafka(request: pytest.FixtureRequest, store: Store) -> Iterator[Way]:
    with Topic(request.getfixturevalue("kafka_servers")) as topic, consumed(topic, store):
        bus = topic.bus(**{"message.max.bytes": "50000"})
        yield Way(bus, store, lambda: wait_until(lambda: topic.lag() == {}))
        bus.close()


@contextmanager
def consumed(topic: Topic, store: Store) -> Iterator[None]:
    environment = {
        "XRAY_BUS_URL": topic.url,
        "XRAY_CONSUMER_GROUP": topic.group,
        "XRAY_KAFKA_OPTIONS": json.dumps(QUICK),
    }
    metrics = Metrics()
    consumer = make_consumer(load_config({}, environment), Processor(store, metrics), Limits(), metrics)
    thread = threading.Thread(target=consumer.run)
    thread.start()
    yield
    consumer.stop()
    thread.join()


BUSES = [pytest.param(inline, id="inline"), pytest.param(kafka, id="kafka", marks=pytest.mark.live if LIVE else ())]


@pytest.fixture(params=BUSES)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    store = SqliteStore(tmp_path / "store.db")
    with ExitStack() as stack:
        stack.callback(store.close)
        yield stack.enter_context(request.param(request, store))


def trace(store: Store, trace_id: str) -> dict[str, Any]:
    found = store.trace(PROJECT, trace_id)
    assert found is not None
    document: dict[str, Any] = msgspec.json.decode(found)
    return document


def test_what_publish_took_is_stored_once_however_often_it_comes(way: Way) -> None:
    events = [trace_start("t"), *[step(f"s-{number}", "t") for number in range(50)], trace_success("t")]
    assert way.publish(*events) == []
    assert way.publish(*events) == []
    assert way.publish(*events[10:20]) == []
    way.settle()
    assert step_ids(way.store) == sorted(f"s-{number}" for number in range(50))
    assert trace(way.store, "t")["status"] == "success"


def test_the_order_of_a_trace_is_kept(way: Way) -> None:
    for number in range(20):
        way.publish(trace_start(f"t-{number}"), data(f"d-{number}", f"t-{number}", key="first"))
        way.publish(data(f"d-{number}", f"t-{number}", key="second"), trace_failure(f"t-{number}"))
    way.settle()
    for number in range(20):
        found = way.store.data(PROJECT, f"t-{number}", f"d-{number}")
        assert found is not None
        assert found.key == "first"


def test_each_event_is_either_stored_or_refused_by_its_index(way: Way) -> None:
    events = [step(f"s-{number}", metadata={"text": LARGE if number % 4 == 1 else ""}) for number in range(12)]
    refused = way.publish(*events)
    way.settle()
    assert step_ids(way.store) == sorted(f"s-{number}" for number in range(12) if number not in refused)
    assert set(refused) <= {1, 5, 9}


def test_nothing_is_nothing(way: Way) -> None:
    assert list(way.bus.publish(PROJECT, [], "request")) == []


def test_events_of_many_threads_all_arrive(way: Way) -> None:
    threads = [
        threading.Thread(target=way.publish, args=[step(f"{thread}-{number}") for number in range(20)])
        for thread in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    way.settle()
    assert len(step_ids(way.store)) == 160


def test_it_answers_and_closes_as_often_as_it_is_asked_to(way: Way) -> None:
    way.bus.ping()
    way.publish(step("before"))
    way.bus.close()
    way.bus.close()
    way.settle()
    assert step_ids(way.store) == ["before"]
