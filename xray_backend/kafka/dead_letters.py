"""What could never be stored is set aside on a topic of its own, with the reason and where it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from xray_backend.clock import now_ms
from xray_backend.errors import Unavailable
from xray_backend.kafka.message import Headers
from xray_backend.kafka.options import Properties, refused_by_kafka, with_options
from xray_backend.kafka.url import KafkaUrl

__all__ = ["DEAD_HEADERS", "DeadLetter", "DeadLetters"]

DEAD_HEADERS: Final = ("dead-reason", "dead-topic", "dead-partition", "dead-offset", "dead-time")
"""Why, from where, and when (in ms). The headers that the message had come before them."""

_TIMEOUT_SECONDS: Final = 10.0
_RETRY_AFTER_SECONDS: Final = 5


@dataclass(frozen=True)
class DeadLetter:
    """A message, and why it can never be stored."""

    message: Message
    reason: str


class DeadLetters:
    """Sets messages aside. For one thread."""

    def __init__(self, url: KafkaUrl, options: Mapping[str, str]) -> None:
        self._topic = url.dead_topic
        properties: Properties = {
            "enable.idempotence": True,
            "acks": "all",
            "message.timeout.ms": int(_TIMEOUT_SECONDS * 1000),
            "linger.ms": 0,
        }
        try:
            self._producer = Producer(with_options(url, properties, options))
        except KafkaException as error:
            raise refused_by_kafka(error) from None
        self._failures: list[KafkaError] = []

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """Return when the brokers have acknowledged all. Raises `Unavailable` if they did not."""
        self._failures = []
        for letter in letters:
            message = letter.message
            self._producer.produce(
                self._topic, message.value(), message.key(), headers=_headers(letter), on_delivery=self._done
            )
        if letters and (self._producer.flush(_TIMEOUT_SECONDS + 1) or self._failures):
            raise Unavailable(
                "The queue did not take what is to be set aside; try again.", retry_after_seconds=_RETRY_AFTER_SECONDS
            )

    def _done(self, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._failures.append(error)


def _headers(letter: DeadLetter) -> Headers:
    message = letter.message
    values = (letter.reason, message.topic(), message.partition(), message.offset(), now_ms())
    own = [(name, value) for name, value in dict(message.headers() or ()).items() if name not in DEAD_HEADERS]
    return [*own, *((name, str(value).encode()) for name, value in zip(DEAD_HEADERS, values, strict=True))]
