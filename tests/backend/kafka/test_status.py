"""What a consumer tells those who run it."""

import re
import socket
from pathlib import Path

import requests

from tests.backend.api.events import step
from tests.backend.background import wait_until
from tests.backend.kafka.consuming import ANSWER_SECONDS, Place, finished
from tests.backend.kafka.topic import PARTITIONS, Topic

DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_it_is_alive_ready_and_counts_under_the_names_that_are_documented(place: Place, topic: Topic) -> None:
    topic.publish(*[step(f"s-{number}", f"trace-{number}") for number in range(40)])
    with place.consumer() as consumer:
        wait_until(lambda: topic.lag() == {})
        for path in ("/health", "/ready"):
            answered = requests.get(consumer.url + path, timeout=ANSWER_SECONDS)
            assert (answered.status_code, answered.json()) == (200, {"status": "ok"})
        wait_until(lambda: len(lags(consumer.url)) == PARTITIONS and not any(lags(consumer.url).values()))
        text = requests.get(f"{consumer.url}/metrics", timeout=ANSWER_SECONDS).text
        assert consumer.metric("xray_consumer_batch_events_sum") == 40
        assert consumer.metric("xray_store_call_duration_seconds_count") > 0
        assert consumer.metric('xray_consumer_rebalances_total{kind="assigned"}') >= 1
        assert consumer.metric("xray_consumer_oldest_event_seconds") == 0
        unknown = requests.get(f"{consumer.url}/", timeout=ANSWER_SECONDS)
        assert unknown.status_code == 404
        assert unknown.json() == {"error": "There is nothing at this address."}
    documented = DOCUMENT.read_text()
    names = {name for name in re.findall(r"^# HELP (xray_consumer_\w+)", text, re.M) if not name.endswith("_created")}
    assert len(names) == 6
    assert all(f"`{name}`" in documented for name in names)


def lags(url: str) -> dict[str, float]:
    """Return the lag by partition."""
    text = requests.get(f"{url}/metrics", timeout=ANSWER_SECONDS).text
    found = re.findall(r'xray_consumer_lag_messages{partition="(\d)"} (\S+)', text)
    return {name: float(count) for name, count in found}


def test_a_client_that_says_nothing_keeps_no_other_from_being_answered(place: Place) -> None:
    with place.consumer() as consumer:
        silent = [socket.create_connection(("127.0.0.1", consumer.port)) for _ in range(20)]
        assert consumer.asked("/health") == 200
        for connection in silent:
            connection.close()


def test_a_port_that_is_taken_is_a_sentence(place: Place) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        status, said = finished(["consume"], {**place.settings(), "XRAY_CONSUMER_PORT": port})
    assert status == 2
    assert f"xray-backend: The consumer cannot listen on 127.0.0.1 port {port}: Address already in use." in said
    assert "Traceback" not in said
