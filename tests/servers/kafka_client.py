"""What the Kafka servers are asked, over Kafka's own protocol."""

import logging

from confluent_kafka.admin import AdminClient

__all__ = ["assert_broker_answers"]

ANSWER_SECONDS = 1.0  # a broker on this machine answers in milliseconds; one that starts does not answer at all

_silent = logging.getLogger("tests.servers.kafka_client")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


def assert_broker_answers(servers: str) -> None:
    """Ask for the brokers that there are. Raises `KafkaException` if none answers."""
    client = AdminClient({"bootstrap.servers": servers}, logger=_silent)  # a refused connection is no news here
    assert client.list_topics(timeout=ANSWER_SECONDS).brokers
