"""What was set aside: it can be looked at, and sent once more when its fault is mended."""

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from xray_backend.errors import CommandError, Unavailable
from xray_backend.kafka.acknowledged import AcknowledgedProducer
from xray_backend.kafka.dead_letters import DEAD_HEADERS
from xray_backend.kafka.heard import Heard
from xray_backend.kafka.message import number_in, text_headers
from xray_backend.kafka.options import refused_by_kafka, with_options
from xray_backend.kafka.topic_check import RETRY_AFTER_SECONDS, check_topic
from xray_backend.kafka.url import parse_kafka_url

__all__ = ["DeadTopic", "StoredLetter"]

PARTITION: Final = 0
"""It has one: what can never be stored is little, and so has one number each."""

_ANSWER_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 0.2
_REPLAYED_AT_ONCE: Final = 1000


@dataclass(frozen=True)
class StoredLetter:
    """A message that was set aside."""

    offset: int
    reason: str
    place: str
    """The topic, partition and offset that it had."""

    set_aside_ms: int
    headers: Mapping[str, str]
    """Those that it had."""

    value: bytes
    message: Message


class DeadTopic:
    """The dead-letter topic of a bus; `with` closes what it opened.

    The group of its own name remembers up to where it was replayed.
    """

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        """Raises `ConfigurationError` if the URL or the options cannot be used, `Unavailable` if the queue is away."""
        self._url = parse_kafka_url(url)
        self._options = options
        heard = Heard()
        properties = {
            "error_cb": heard,
            "group.id": self._url.dead_topic,
            "enable.auto.commit": False,
            "enable.partition.eof": True,  # the only word for the end that every broker means alike
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50,  # the news of the end comes as soon as nothing more does
            "client.id": secrets.token_hex(4),
        }
        try:
            self._consumer = Consumer(with_options(self._url, properties, options))
        except KafkaException as error:
            raise refused_by_kafka(error, options) from None
        try:
            check_topic(self._consumer, self._url.dead_topic)
        except Unavailable as error:
            self._consumer.poll(0)  # for what the library has to say of it
            self._consumer.close()
            raise Unavailable(f"{error.message.rstrip('.')}{heard}.", retry_after_seconds=RETRY_AFTER_SECONDS) from None

    def __enter__(self) -> "DeadTopic":
        return self

    def __exit__(self, *exception: object) -> None:
        self._consumer.close()

    def bounds(self) -> tuple[int, int, int]:
        """Return the first offset, the first that was not replayed, and the one after the last."""
        first, last = self._watermarks()
        end = self._end_from(last)
        try:
            (held,) = self._consumer.committed([self._at()], timeout=_ANSWER_SECONDS)
        except KafkaException as error:
            raise _away(error) from None
        return first, min(max(first, held.offset), end), end

    def letters(self, start: int, end: int) -> Iterator[StoredLetter]:
        """Read from one offset up to another, which is left out."""
        if start >= end:
            return
        for message in self._messages(start):
            if message.error() is not None:
                return
            letter = _letter(message)
            if letter.offset < end:
                yield letter
            if letter.offset >= end - 1:
                return

    def letter(self, offset: int) -> StoredLetter:
        """Read one. Raises `CommandError` if there is none of this offset."""
        first, _, end = self.bounds()
        found = next(self.letters(offset, offset + 1), None) if first <= offset < end else None
        if found is None:
            kept = f"there are {first} to {end - 1}" if first < end else "nothing is"
            raise CommandError(f"Nothing was set aside as number {offset}; {kept}.")
        return found

    def replay(self, start: int, end: int) -> Iterator[int]:
        """Send them to the events' topic once more; yields how many the brokers have acknowledged, time by time."""
        producer = AcknowledgedProducer(self._url, self._options)
        waiting: list[StoredLetter] = []
        for letter in self.letters(start, end):
            waiting.append(letter)
            if len(waiting) == _REPLAYED_AT_ONCE:
                yield self._send(producer, waiting)
                waiting = []
        if waiting:
            yield self._send(producer, waiting)

    def note_replayed(self, end: int) -> None:
        """Remember that all before this offset were replayed."""
        try:
            self._consumer.commit(offsets=[self._at(end)], asynchronous=False)
        except KafkaException as error:
            raise _away(error) from None

    def _watermarks(self) -> tuple[int, int]:
        """Ask for the bounds until there is an answer: of a new topic it takes some time to be known who leads it."""
        deadline = time.monotonic() + _ANSWER_SECONDS
        while True:
            try:
                return self._consumer.get_watermark_offsets(self._at(), timeout=_ANSWER_SECONDS)
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise _away(error) from None
                self._consumer.poll(_AGAIN_SECONDS)

    def _end_from(self, offset: int) -> int:
        """Return the offset after the last, which some brokers do not know until all up to it is read."""
        for message in self._messages(offset):
            if message.error() is not None:
                return message.offset() or 0
        return offset

    def _messages(self, start: int) -> Iterator[Message]:
        """Read from an offset on; what has an error is the news of the end, and its offset the one after the last."""
        self._consumer.assign([self._at(start)])
        while True:
            message = self._consumer.poll(_ANSWER_SECONDS)
            if message is None:
                raise Unavailable("The queue does not answer.", retry_after_seconds=RETRY_AFTER_SECONDS)
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise _away(KafkaException(error))
            yield message

    def _send(self, producer: AcknowledgedProducer, letters: list[StoredLetter]) -> int:
        for letter in letters:
            headers = [
                (name, value)
                for name, value in dict(letter.message.headers() or ()).items()
                if name not in DEAD_HEADERS
            ]
            producer.produce(self._url.topic, letter.message.value(), letter.message.key(), headers)
        producer.wait()
        return len(letters)

    def _at(self, offset: int = 0) -> TopicPartition:
        return TopicPartition(self._url.dead_topic, PARTITION, offset)


def _letter(message: Message) -> StoredLetter:
    headers = text_headers(message)
    reason, topic, partition, offset, _ = (headers.get(name, "") for name in DEAD_HEADERS)
    own = {name: value for name, value in headers.items() if name not in DEAD_HEADERS}
    value = message.value()
    return StoredLetter(
        offset=message.offset() or 0,
        reason=reason or "no reason was given",
        place=f"{topic} {partition}/{offset}",
        set_aside_ms=number_in(headers, DEAD_HEADERS[-1]) or 0,
        headers=own,
        value=value if isinstance(value, bytes) else b"",
        message=message,
    )


def _away(error: KafkaException) -> Unavailable:
    return Unavailable(f"The queue refused: {error.args[0].str()}.", retry_after_seconds=RETRY_AFTER_SECONDS)
