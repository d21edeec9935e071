"""While the database is away nothing is lost, nothing is committed, and the consumer keeps its place in the group."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.backend.api.events import step
from tests.backend.background import wait_until
from tests.backend.kafka.consuming import NO_VALUES, Place, SmallConsumer, step_ids
from tests.backend.kafka.topic import Topic, taken
from tests.backend.server import Server, new_person
from tests.contract.stores import new_database
from tests.servers.proxy import Link, Proxy
from xray_backend.auth.api_keys import REMEMBERED_SECONDS
from xray_backend.store.base import Store
from xray_backend.store.mongodb.store import MongoStore

pytestmark = pytest.mark.live  # sessions of a group last for seconds

SESSION_SECONDS = 6.0  # after which a member that says nothing is thrown out
EVENTS = 300
PROJECTS = 60


class Away:
    """A store behind a link, consumers on this side of it, and a look past it."""

    def __init__(self, folder: Path, topic: Topic, url: str, link: Proxy) -> None:
        behind = urlsplit(url)
        self.link = link
        self.topic = topic
        self.place = Place(folder, topic, behind._replace(netloc=link.address).geturl())
        self.store: Store = MongoStore(url)


@pytest.fixture
def away(tmp_path: Path, topic: Topic, mongodb_url: str) -> Iterator[Away]:
    port = urlsplit(mongodb_url).port
    assert port is not None
    with new_database(mongodb_url) as url, Proxy(port) as link:
        made = Away(tmp_path, topic, url, link)
        yield made
        made.store.close()


def publish(topic: Topic, begin: int, count: int) -> None:
    topic.publish(*[step(f"s-{number:05}", f"trace-{number % 10}") for number in range(begin, begin + count)])


def rebalances(consumer: SmallConsumer) -> float:
    return consumer.metric("xray_consumer_rebalances_total")


@pytest.mark.parametrize("link", [Link.REFUSES, Link.RESETS])
def test_a_database_that_is_away_for_longer_than_a_session_costs_neither_events_nor_membership(
    away: Away, link: Link
) -> None:
    publish(away.topic, 0, EVENTS)
    with away.place.consumer() as consumer:
        wait_until(lambda: away.topic.lag() == {})
        before = rebalances(consumer)
        away.link.become(link)
        publish(away.topic, EVENTS, EVENTS)
        wait_until(lambda: consumer.metric("xray_consumer_retries_total") >= 2)
        end = time.monotonic() + SESSION_SECONDS * 1.5
        while time.monotonic() < end:
            assert sum(away.topic.lag().values()) == EVENTS
        assert consumer.metric("xray_consumer_lag_messages") == EVENTS
        assert consumer.metric("xray_consumer_oldest_event_seconds") > SESSION_SECONDS
        away.link.become(Link.PASSES)
        wait_until(lambda: away.topic.lag() == {})
        assert rebalances(consumer) == before
        assert consumer.metric('xray_store_documents_total{outcome="new"}') == EVENTS * 2
        assert "events waits: The database cannot be reached" in consumer.output
    assert step_ids(away.store) == [f"s-{number:05}" for number in range(EVENTS * 2)]
    assert away.topic.dead() == []


def test_while_the_database_does_not_answer_the_consumer_tells_how_it_is_and_ends_when_it_is_told(away: Away) -> None:
    publish(away.topic, 0, EVENTS)
    with away.place.consumer() as consumer:
        wait_until(lambda: away.topic.lag() == {})
        away.link.become(Link.CUTS)
        publish(away.topic, EVENTS, EVENTS)
        with pytest.raises(RuntimeError, match="the database cannot be used"):
            consumer.answer()
        assert consumer.asked("/health") == 200
        assert consumer.metric("xray_consumer_batch_events_count") > 0
        begun = time.monotonic()
        consumer.signal(signal.SIGTERM)
        assert consumer.status() in (0, 1)
        assert time.monotonic() - begun < 10
        assert "Traceback" not in consumer.output
    assert sum(away.topic.lag().values()) == EVENTS
    away.link.become(Link.PASSES)
    with away.place.consumer("next"):
        wait_until(lambda: away.topic.lag() == {})
    assert step_ids(away.store) == [f"s-{number:05}" for number in range(EVENTS * 2)]


def test_an_api_takes_events_with_a_known_key_for_longer_than_it_remembers_it_while_the_database_is_away(
    away: Away, tmp_path: Path
) -> None:
    variables = {"XRAY_STORE_URL": away.place.store_url, "XRAY_BUS_URL": away.topic.url, "XRAY_JWT_SECRET": "j" * 32}
    with Server(tmp_path / "api", command="serve", **variables, **NO_VALUES) as server:
        person = new_person(server)
        assert person.ingest(step()).status_code == 200
        away.link.become(Link.REFUSES)
        end = time.monotonic() + REMEMBERED_SECONDS * 1.5
        while time.monotonic() < end:
            assert person.ingest(step()).status_code == 200
        wait_until(lambda: person.ingest(step()).status_code == 503)
        away.link.become(Link.PASSES)
        wait_until(lambda: person.ingest(step()).status_code == 200)


def test_sigterm_during_a_pause_ends_it_at_once_with_nothing_committed(away: Away) -> None:
    with away.place.consumer() as consumer:
        away.link.become(Link.REFUSES)
        publish(away.topic, 0, EVENTS)
        wait_until(lambda: consumer.metric("xray_consumer_retries_total") >= 2)
        consumer.signal(signal.SIGTERM)
        assert consumer.status() == 0
    assert sum(away.topic.lag().values()) == EVENTS


def test_sigterm_among_many_projects_at_a_slow_database_commits_what_is_in_hand(away: Away) -> None:
    away.link.become(Link.DELAYS)  # a project takes some calls, each of which takes most of a second now
    bus = away.topic.bus()
    for number in range(PROJECTS):
        assert list(bus.publish(f"{number:024x}", taken(step("alone")), "request-1")) == []
    bus.close()
    with away.place.consumer() as consumer:
        wait_until(lambda: consumer.metric("xray_consumer_batch_events_count") >= 2)
        consumer.signal(signal.SIGTERM)
        assert consumer.status() == 0
        stored = sum(len(step_ids(away.store, f"{number:024x}")) for number in range(PROJECTS))
        assert 0 < stored < PROJECTS
        assert sum(away.topic.lag().values()) == PROJECTS - stored


def test_a_partition_that_goes_to_another_during_a_pause_is_stored_by_that_one(away: Away) -> None:
    """The first one's batch is held back at the link, while the second one has none."""
    with away.place.consumer("first") as first:
        away.link.become(Link.REFUSES)
        publish(away.topic, 0, EVENTS)
        wait_until(lambda: first.metric("xray_consumer_retries_total") >= 2)
        other = Place(away.place.folder, away.topic, away.place.store_url.replace(away.link.address, _direct(away)))
        with other.consumer("second") as second:
            wait_until(lambda: second.metric("xray_store_documents_total") > 0)
            assert first.metric("xray_store_documents_total") == 0
            away.link.become(Link.PASSES)
            wait_until(lambda: away.topic.lag() == {})
            stored = [consumer.metric('xray_store_documents_total{outcome="new"}') for consumer in (first, second)]
    assert sum(stored) == EVENTS
    assert min(stored) > 0
    assert step_ids(away.store) == [f"s-{number:05}" for number in range(EVENTS)]


def _direct(away: Away) -> str:
    return f"127.0.0.1:{away.link.targets[0]}"
