"""What could never be stored is set aside on a topic of its own, with the reason and where it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from confluent_kafka import Message

from xray_backend.clock import now_ms
from xray_backend.kafka.acknowledged import AcknowledgedProducer
from xray_backend.kafka.message import Headers
from xray_backend.kafka.url import KafkaUrl

__all__ = ["DEAD_HEADERS", "DeadLetter", "DeadLetters"]

DEAD_HEADERS: Final = ("dead-reason", "dead-topic", "dead-partition", "dead-offset", "dead-time")
"""Why, from where, and when (in ms). The headers that the message had come before them."""


@dataclass(frozen=True)
class DeadLetter:
    """A message, and why it can never be stored."""

    message: Message
    reason: str


class DeadLetters:
    """Sets messages aside. For one thread."""

    def __init__(self, url: KafkaUrl, options: Mapping[str, str]) -> None:
        self._topic = url.dead_topic
        self._producer = AcknowledgedProducer(url, options)
        self._taken: set[tuple[int | None, int | None]] = set()
        """Partition and offset of those that the brokers have of letters that they do not have all."""

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """Return when the brokers have acknowledged all.

        Raises `Unavailable` if they did not. Then all may be repeated, and those that they have are not sent again.
        """
        for letter in letters:
            message = letter.message
            at = message.partition(), message.offset()
            if at not in self._taken:
                taken = partial(self._taken.add, at)
                self._producer.produce(self._topic, message.value(), message.key(), _headers(letter), taken)
        if letters:
            self._producer.wait()
            self._taken.clear()

    def poll(self) -> None:
        """Let the library say what it has to say; costs next to nothing."""
        self._producer.poll()

    def ping(self, events_topic: str) -> None:
        """Ask the brokers for both topics; from any thread. Raises `Unavailable` if they do not answer, or lack one."""
        self._producer.ping(events_topic)
        self._producer.ping(self._topic)


def _headers(letter: DeadLetter) -> Headers:
    message = letter.message
    values = (letter.reason, message.topic(), message.partition(), message.offset(), now_ms())
    own = [(name, value) for name, value in dict(message.headers() or ()).items() if name not in DEAD_HEADERS]
    return [*own, *((name, str(value).encode()) for name, value in zip(DEAD_HEADERS, values, strict=True))]
