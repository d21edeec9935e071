"""Options that would break a promise, or that cannot be used, end a program with one sentence that shows no secret."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.backend.background import wait_until
from tests.backend.kafka.consuming import ENDED_SECONDS, Place, finished
from tests.backend.kafka.topic import Topic
from tests.servers.backend import PROGRAM
from xray_backend.config import load_config
from xray_backend.errors import ConfigurationError
from xray_backend.kafka.bus import KafkaBus
from xray_backend.kafka.dead_topic import DeadTopic
from xray_backend.kafka.topics import make_topics

URL = "kafka://127.0.0.1:9/events"
SECRET = "correct-horse-battery"
COMMANDS = (["consume"], ["init"], ["dead", "list"], ["dead", "replay", "--all"])

PROMISED = (
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "group.id",
    "group.instance.id",
    "message.timeout.ms",
    "partition.assignment.strategy",
    "partitioner",
    "transactional.id",
)

SASL: dict[str, object] = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "somebody",
    "sasl.password": SECRET,
}

UNUSABLE: dict[str, dict[str, object]] = {
    "an unknown property": {"no.such.property": SECRET},
    "a value that is none": {"security.protocol": SECRET},
    "a number that is none": {"linger.ms": SECRET},
    "a mechanism that is none": {**SASL, "sasl.mechanism": "NOPE"},
    "a file that is none": {"security.protocol": "SSL", "ssl.ca.location": "/nowhere", "ssl.key.password": SECRET},
}


@pytest.mark.parametrize("name", PROMISED)
def test_what_the_promises_rest_on_is_not_an_option(name: str) -> None:
    for make in (
        lambda options: KafkaBus(URL, options, timeout_seconds=1.0),
        lambda options: DeadTopic(URL, options),
        lambda options: make_topics(URL, options, partitions=1, replicas=1),
    ):
        with pytest.raises(ConfigurationError, match=f"must not hold `{name}`: that events are stored at all"):
            make({name: "all"})


def test_no_command_takes_automatic_commits(tmp_path: Path) -> None:
    for arguments in COMMANDS:
        status, said = finished(arguments, settings(tmp_path, {"enable.auto.commit": True}))
        assert status == 2
        assert said.startswith("xray-backend: XRAY_KAFKA_OPTIONS must not hold `enable.auto.commit`")
        assert len(said.splitlines()) == 1


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_used_ends_each_command_with_one_sentence(case: str, tmp_path: Path) -> None:
    for arguments in COMMANDS:
        status, said = finished(arguments, settings(tmp_path, UNUSABLE[case]))
        assert status == 2, said
        assert said.startswith("xray-backend: XRAY_KAFKA_OPTIONS, or another setting of Kafka, cannot be used: "), said
        assert len(said.splitlines()) == 1
        assert SECRET not in said


@pytest.mark.parametrize("name", ["no.such.property", "security.protocol", "socket.timeout.ms"])
def test_the_property_at_fault_is_named_and_its_value_is_not(name: str, tmp_path: Path) -> None:
    _, said = finished(["init"], settings(tmp_path, {name: f'a"{SECRET}"b'}))
    assert f"`{name}`" in said
    assert SECRET not in said


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_used_ends_the_api_too(case: str, tmp_path: Path) -> None:
    variables = {**settings(tmp_path, UNUSABLE[case]), "XRAY_JWT_SECRET": "j" * 32, "XRAY_PORT": "0"}
    status, said = finished(["serve"], variables)
    assert status == 2, said
    assert said.startswith("xray-backend: XRAY_KAFKA_OPTIONS, or another setting of Kafka, cannot be used: "), said
    assert SECRET not in said


def test_a_url_that_is_none_is_a_sentence_that_does_not_repeat_it(tmp_path: Path) -> None:
    for url in (f"kafka://user:{SECRET}@host:9092/events", f"kafka://host/{SECRET}", f"kafka://host:9092/a/{SECRET}"):
        status, said = finished(["consume"], {**settings(tmp_path, {}), "XRAY_BUS_URL": url})
        assert status == 2
        assert "XRAY_BUS_URL cannot be used: it must be like kafka://host:9092,host:9092/topic" in said
        assert SECRET not in said


def test_a_secret_is_in_no_representation_and_in_no_error() -> None:
    environment = {"XRAY_BUS_URL": URL, "XRAY_KAFKA_OPTIONS": json.dumps({"sasl.password": SECRET})}
    config = load_config({}, environment)
    assert config.kafka_options == {"sasl.password": SECRET}
    assert SECRET not in repr(config)
    with pytest.raises(ConfigurationError) as refused:
        load_config({}, {**environment, "XRAY_KAFKA_OPTIONS": f'{{"sasl.password": "{SECRET}"'})
    assert SECRET not in str(refused.value)


def test_a_log_in_that_fails_is_in_the_log_without_its_secret_and_the_consumer_ends_when_told(
    place: Place, topic: Topic
) -> None:
    consumer = place.consumer(options=SASL)
    consumer.launch()
    try:
        wait_until(lambda: '"logger":"xray_backend.kafka.consumer"' in consumer.output)
        with pytest.raises(RuntimeError, match="the queue cannot be used"):
            consumer.answer()
    finally:
        consumer.stop()
    assert consumer.status() == 0
    assert SECRET not in consumer.output
    logged = [line for line in consumer.output.splitlines() if not line.startswith("X-Ray consumer ready at ")]
    assert all(set(json.loads(line)) >= {"time", "level", "logger", "message"} for line in logged)


def test_other_options_are_taken(place: Place, topic: Topic) -> None:
    with place.consumer(options={"client.id": "mine", "linger.ms": 5, "socket.keepalive.enable": True}):
        pass


def settings(folder: Path, options: dict[str, object]) -> dict[str, str]:
    return {
        "XRAY_DATA_DIR": str(folder),
        "XRAY_BUS_URL": URL,
        "XRAY_KAFKA_OPTIONS": json.dumps(options),
        "XRAY_CONSUMER_PORT": "0",
    }


def test_without_their_package_the_setting_that_needs_it_is_named(tmp_path: Path) -> None:
    """As where only `xray-trace[backend]` is installed."""
    blocked = "import sys; sys.modules['confluent_kafka'] = None; from xray_backend.cli import main; sys.exit(main())"
    done = subprocess.run(
        [PROGRAM[0], "-c", blocked, "consume"],
        env={**os.environ, **settings(tmp_path, {})},
        capture_output=True,
        text=True,
        timeout=ENDED_SECONDS,
    )
    assert done.returncode == 2
    assert "XRAY_BUS_URL needs the package confluent_kafka" in done.stderr
