"""The consumer: takes events from Kafka into the store, and commits what the store has."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from xray_backend.clock import now_ms
from xray_backend.errors import Unavailable
from xray_backend.kafka.consumer_metrics import ConsumerMetrics
from xray_backend.kafka.dead_letters import DeadLetters
from xray_backend.kafka.message import text_headers
from xray_backend.kafka.options import Properties, refused_by_kafka, with_options
from xray_backend.kafka.storing import Storing
from xray_backend.kafka.topic_check import check_topic
from xray_backend.kafka.url import KafkaUrl

__all__ = ["ConsumerSettings", "EventConsumer"]

_LOG = logging.getLogger(__name__)

BATCH_MESSAGES: Final = 1000
"""The contract's number."""

_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 5.0
"""How long a store that is away is left alone: soon after it is back, the consumer is, too."""

_POLL_SECONDS: Final = 0.1
_QUEUED_KIB: Final = 16 * 1024
"""What is fetched ahead: some batches, so that memory stays flat over a backlog of any length."""


@dataclass(frozen=True)
class ConsumerSettings:
    """What the owner decides about a consumer."""

    group: str
    instance: str | None
    """A name that outlives a restart, so that the others do not take over its partitions meanwhile."""

    pause_seconds: float
    """How long it waits for a batch to fill. While it is behind, batches are full at once, and it never waits."""


class EventConsumer:
    """One member of the group. `run` belongs to one thread; the rest may be called from any."""

    def __init__(
        self,
        url: KafkaUrl,
        options: Mapping[str, str],
        settings: ConsumerSettings,
        storing: Storing,
        dead_letters: DeadLetters,
        metrics: ConsumerMetrics,
    ) -> None:
        self._topic = url.topic
        self._pause_seconds = settings.pause_seconds
        self._storing = storing
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._stopping = threading.Event()
        self._is_waiting = False
        self._alive_at = time.monotonic()
        properties: Properties = {
            "group.id": settings.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",  # what came before the group's first commit is read, too
            "partition.assignment.strategy": "cooperative-sticky",
            "queued.max.messages.kbytes": options.get("queued.max.messages.kbytes", _QUEUED_KIB),
        }
        if settings.instance is not None:
            properties["group.instance.id"] = settings.instance
        try:
            self._consumer = Consumer(with_options(url, properties, options))
        except KafkaException as error:
            raise refused_by_kafka(error) from None

    def run(self) -> None:
        """Consume until `stop`; then what is in hand is finished, and the group left.

        Raises what is neither the store's absence nor a message's fault; nothing of that batch is committed.
        """
        self._consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
        try:
            while not self._stopping.is_set():
                self._alive_at = time.monotonic()
                messages = self._sound(self._consumer.consume(BATCH_MESSAGES, self._pause_seconds))
                if messages:
                    self._take(messages)
                self._metrics.set_lag(self._lag())
        finally:
            self._consumer.close()

    def stop(self) -> None:
        """Let `run` end. May be called from a signal handler."""
        self._stopping.set()

    def silent_seconds(self) -> float:
        """Tell how long ago the consumer last asked for messages, or for leave to wait."""
        return time.monotonic() - self._alive_at

    def ping(self) -> None:
        """Ask the brokers for the topic. Raises `Unavailable` if they do not answer, or it is not there."""
        if self._stopping.is_set():
            raise Unavailable("The consumer is ending.")
        check_topic(self._consumer, self._topic)

    def _take(self, messages: list[Message]) -> None:
        """Store a batch and commit it; what cannot be stored now is tried until it can, or until the end."""
        self._metrics.count_batch(len(messages), _age_seconds(messages))
        pause_seconds = _FIRST_PAUSE_SECONDS
        while messages and not self._try(messages):
            self._metrics.count_retry()
            messages = self._wait(messages, pause_seconds)
            pause_seconds = min(pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
            if self._stopping.is_set():
                return  # uncommitted: whoever comes next reads it again
        if messages:
            self._commit(messages)

    def _try(self, messages: Sequence[Message]) -> bool:
        try:
            dead = self._storing.store(messages)
            self._dead_letters.put(dead)
        except Unavailable as error:
            _LOG.warning("a batch of %d events waits: %s", len(messages), error.message)
            return False
        for letter in dead:
            message = letter.message
            place = f"{message.topic()} {message.partition()}/{message.offset()}"
            _LOG.error("the message at %s was set aside: %s", place, letter.reason)
        self._metrics.count_dead(len(dead))
        return True

    def _wait(self, messages: list[Message], seconds: float) -> list[Message]:
        """Go on asking for nothing, so that the group keeps this member; return what is still its own to store."""
        self._is_waiting = True
        self._consumer.pause(self._consumer.assignment())
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._stopping.is_set():
            self._alive_at = time.monotonic()
            message = self._consumer.poll(_POLL_SECONDS)
            messages = [*messages, *self._sound([] if message is None else [message])]
        self._is_waiting = False
        owned = self._consumer.assignment()
        self._consumer.resume(owned)
        partitions = {held.partition for held in owned}
        return [message for message in messages if message.partition() in partitions]

    def _commit(self, messages: Sequence[Message]) -> None:
        """Commit what the store has. Where that fails it is read again, and changes nothing then."""
        ends: dict[int, int] = {}
        for message in messages:
            partition, offset = message.partition(), message.offset()
            if partition is not None and offset is not None:
                ends[partition] = max(ends.get(partition, 0), offset + 1)
        offsets = [TopicPartition(self._topic, partition, end) for partition, end in ends.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            if error.args[0].fatal():
                raise
            _LOG.warning("a batch was stored, but not committed: %s", error.args[0].str())

    def _sound(self, messages: Sequence[Message]) -> list[Message]:
        """Leave out what is no message but the news of an error. Raises `KafkaException` if there is no going on."""
        found = []
        for message in messages:
            error = message.error()
            if error is None:
                found.append(message)
            elif error.fatal():
                raise KafkaException(error)
            elif error.code() != KafkaError._PARTITION_EOF:
                _LOG.warning("the queue said: %s", error.str())
        return found

    def _lag(self) -> dict[int, int]:
        lag = {}
        for held in self._consumer.position(self._consumer.assignment()):
            low, high = self._consumer.get_watermark_offsets(held, cached=True)
            position = held.offset if held.offset >= 0 else low
            lag[held.partition] = max(0, high - position) if high >= 0 else 0
        return lag

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._metrics.count_rebalance("assigned")
        consumer.incremental_assign(partitions)
        if self._is_waiting:
            consumer.pause(partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._metrics.count_rebalance("revoked")
        consumer.incremental_unassign(partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._metrics.count_rebalance("lost")
        consumer.incremental_unassign(partitions)


def _age_seconds(messages: Sequence[Message]) -> float:
    """Return how long ago the API took the oldest; the first of each partition is its oldest."""
    firsts: dict[int | None, Message] = {}
    for message in messages:
        firsts.setdefault(message.partition(), message)
    received = [text_headers(message).get("received", "") for message in firsts.values()]
    times = [int(text) for text in received if text.isdecimal()]
    return max(0.0, (now_ms() - min(times)) / 1000) if times else 0.0
