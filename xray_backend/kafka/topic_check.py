"""Whether the brokers answer, and have the topic."""

from typing import Final

from confluent_kafka import Consumer, KafkaException, Producer

from xray_backend.errors import Unavailable

__all__ = ["RETRY_AFTER_SECONDS", "check_topic", "missing"]

RETRY_AFTER_SECONDS: Final = 5
"""Brokers elect a leader in some seconds; the SDK keeps the events meanwhile."""

_ANSWER_SECONDS: Final = 2.0
"""A broker at rest answers in milliseconds, and whoever asks whether this is ready does not wait for long."""


def check_topic(client: Consumer | Producer, topic: str) -> None:
    """Return if the topic is there. Raises `Unavailable` if not, or if no broker answers."""
    try:
        known = client.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic]
    except KafkaException:
        raise Unavailable("The queue does not answer.", retry_after_seconds=RETRY_AFTER_SECONDS) from None
    if known.error is not None:
        raise Unavailable(missing(topic), retry_after_seconds=RETRY_AFTER_SECONDS)


def missing(topic: str) -> str:
    """Say that a topic is not there, and what makes it."""
    return f"The queue has no topic {topic}; `xray-backend init` makes it."
