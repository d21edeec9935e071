"""The topics: one for the events, one for what could never be stored."""

import time
from collections.abc import Mapping
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from xray_backend.errors import Unavailable
from xray_backend.kafka.heard import Heard
from xray_backend.kafka.options import refused_by_kafka, with_options
from xray_backend.kafka.url import parse_kafka_url

__all__ = ["make_topics"]

_WAIT_SECONDS: Final = 15.0
"""Brokers that are there make a topic in one; whoever starts all parts at once waits for them, or runs it again."""

_POLL_SECONDS: Final = 0.1

_DAY_MS: Final = 24 * 60 * 60 * 1000
_KEPT_MS: Final = 7 * _DAY_MS
"""What no consumer has read by then is gone. Blobs wait for their records for longer (ADR 0018)."""

_DEAD_KEPT_MS: Final = 30 * _DAY_MS
"""Long enough to mend a fault, and an end: they hold what people sent."""

_RETRY_AFTER_SECONDS: Final = 5


def make_topics(url: str, options: Mapping[str, str], *, partitions: int, replicas: int) -> list[str]:
    """Make the topics that are missing, and say of each what was done. Idempotent.

    Raises `ConfigurationError` if the URL or the options cannot be used, `Unavailable` if the brokers refuse.
    """
    found = parse_kafka_url(url)
    heard = Heard()
    try:
        admin = AdminClient(with_options(found, {"error_cb": heard}, options))
    except KafkaException as error:
        raise refused_by_kafka(error, options) from None
    wanted = {found.topic: (partitions, _KEPT_MS), found.dead_topic: (1, _DEAD_KEPT_MS)}
    topics = [
        NewTopic(name, num_partitions=count, replication_factor=replicas, config=_config(kept_ms))
        for name, (count, kept_ms) in wanted.items()
    ]
    made = admin.create_topics(topics, operation_timeout=_WAIT_SECONDS, request_timeout=_WAIT_SECONDS)
    deadline = time.monotonic() + 2 * _WAIT_SECONDS
    while time.monotonic() < deadline and not all(future.done() for future in made.values()):
        admin.poll(_POLL_SECONDS)  # which lets the library write to the log
    return [_outcome(name, wanted[name][0], future, heard) for name, future in made.items()]


def _config(kept_ms: int) -> dict[str, str]:
    return {"retention.ms": str(kept_ms), "segment.ms": str(_DAY_MS)}  # brokers remove segments, and only whole ones


def _outcome(name: str, partitions: int, future: object, heard: Heard) -> str:
    try:
        future.result(_POLL_SECONDS)  # type: ignore[attr-defined] # a Future, which the library does not type
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return f"Topic {name}: is there."
        raise Unavailable(
            f"The topic {name} could not be made: {error.args[0].str()}{heard}.",
            retry_after_seconds=_RETRY_AFTER_SECONDS,
        ) from None
    return f"Topic {name}: made, with {partitions} partition{'s' if partitions > 1 else ''}."
