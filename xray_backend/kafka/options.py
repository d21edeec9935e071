"""Properties of librdkafka: ours, on which the promises rest, and the owner's."""

import logging
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from confluent_kafka import KafkaException

from xray_backend.errors import ConfigurationError
from xray_backend.kafka.url import KafkaUrl

__all__ = ["Properties", "refused_by_kafka", "with_options"]

Properties: TypeAlias = dict[str, Any]

_OURS: Final = frozenset(
    {
        "acks",
        "allow.auto.create.topics",
        "auto.offset.reset",
        "bootstrap.servers",
        "delivery.report.only.error",
        "delivery.timeout.ms",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "group.instance.id",
        "message.timeout.ms",
        "metadata.broker.list",
        "partition.assignment.strategy",
        "partitioner",
        "request.required.acks",
        "transactional.id",
    }
)
"""What these say decides whether an event can be lost, so no setting changes them."""

_OTHERWISE: Final[Properties] = {
    "reconnect.backoff.max.ms": 1000,  # brokers that are back are found at once, and asking costs them next to nothing
    # The other one forgets how long brokers that are away were to be left alone, and asks twenty times a second.
    "metadata.recovery.strategy": "none",
    "topic.metadata.refresh.interval.ms": 10_000,  # a topic, or a partition, that is made later is found by then
}
"""What holds where the owner's options say nothing."""

_LOG: Final = logging.getLogger("librdkafka")
_LOG.addFilter(lambda record: "CONFWARN" not in record.getMessage())  # all get the same options, and each ignores some


def with_options(url: KafkaUrl, ours: Properties, options: Mapping[str, str]) -> Properties:
    """Join the properties, ours above the owner's. Raises `ConfigurationError` if one of those is not theirs to set."""
    for name in options:
        if name in _OURS:
            raise ConfigurationError(
                f"XRAY_KAFKA_OPTIONS must not hold `{name}`: that events are stored at all, and once, rests on it."
            )
    promised: Properties = {"bootstrap.servers": url.servers, "allow.auto.create.topics": False}
    return {**_OTHERWISE, **options, **promised, **ours, "logger": _LOG}


def refused_by_kafka(error: KafkaException, properties: Mapping[str, object]) -> ConfigurationError:
    """Say which property the library refused; its value may be a secret, and is left out."""
    said = str(error.args[0].str() if error.args else error)
    if '"' in said:  # whatever it quotes may be a value
        names = [f"`{name}`" for name in properties if f'"{name}"' in said]
        said = f"librdkafka does not take {names[0] if names else 'one of them'}, or not this value"
    return ConfigurationError(f"XRAY_KAFKA_OPTIONS, or another setting of Kafka, cannot be used: {said}.")
