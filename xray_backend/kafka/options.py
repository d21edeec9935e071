"""Properties of librdkafka: ours, on which the promises rest, and the owner's."""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from confluent_kafka import KafkaException

from xray_backend.errors import ConfigurationError
from xray_backend.kafka.url import KafkaUrl

__all__ = ["Properties", "refused_by_kafka", "with_options"]

Properties: TypeAlias = dict[str, str | int | float | bool]

_OURS: Final = frozenset(
    {
        "acks",
        "auto.offset.reset",
        "bootstrap.servers",
        "delivery.report.only.error",
        "delivery.timeout.ms",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "message.timeout.ms",
        "metadata.broker.list",
        "partition.assignment.strategy",
        "request.required.acks",
        "transactional.id",
    }
)
"""What these say decides whether an event can be lost, so no setting changes them."""

_IN_QUOTES: Final = re.compile(r'"[^"]*"')


def with_options(url: KafkaUrl, ours: Properties, options: Mapping[str, str]) -> Properties:
    """Join the properties, ours above the owner's. Raises `ConfigurationError` if one of those is not theirs to set."""
    for name in options:
        if name in _OURS:
            raise ConfigurationError(
                f"XRAY_KAFKA_OPTIONS must not hold `{name}`: that events are stored at all, and once, rests on it."
            )
    return {**options, "bootstrap.servers": url.servers, **ours}


def refused_by_kafka(error: KafkaException) -> ConfigurationError:
    """Say which property the library refused; its value may be a secret, and is left out."""
    said = _IN_QUOTES.sub('"…"', str(error.args[0].str() if error.args else error))
    return ConfigurationError(f"XRAY_KAFKA_OPTIONS cannot be used: {said}.")
