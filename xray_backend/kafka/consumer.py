"""The consumer: takes events from Kafka into the store, and commits what the store has."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from xray_backend.errors import CommandError, Unavailable
from xray_backend.kafka.consumer_metrics import ConsumerMetrics
from xray_backend.kafka.dead_letters import DeadLetters
from xray_backend.kafka.lag import lag_of, oldest_ms
from xray_backend.kafka.options import Properties, refused_by_kafka, with_options
from xray_backend.kafka.storing import Storing
from xray_backend.kafka.topic_check import missing
from xray_backend.kafka.url import KafkaUrl

__all__ = ["ConsumerSettings", "EventConsumer"]

_LOG = logging.getLogger(__name__)

BATCH_MESSAGES: Final = 1000
"""The contract's number."""

_FIRST_MESSAGES: Final = 10
"""Of the first batch: how long a message takes is found out."""

_LONGEST_BATCH_SECONDS: Final = 3.0
"""A batch of many projects takes many calls of the store; a signal, and whoever joins the group, wait for its end."""

_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 5.0
"""How long a store that is away is left alone: soon after it is back, the consumer is, too."""

_COMMIT_AGAIN_SECONDS: Final = 1.0
"""A group that was shared out anew takes commits at once."""

_POLL_SECONDS: Final = 0.1
_FULL_QUEUE_MS: Final = 20
"""How long a full queue is left alone: it is empty again after some hundred milliseconds."""

_QUEUED_KIB: Final = 16 * 1024
_QUEUED_MESSAGES: Final = 5 * BATCH_MESSAGES
"""What is fetched ahead, in all and of each partition: some batches, so that memory stays flat over any backlog."""


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
        self._fatal: KafkaError | None = None
        self._is_waiting = False
        self._commit_again_at: float | None = None
        self._alive_at = time.monotonic()
        self._size = _FIRST_MESSAGES
        self._hand: list[Message] = []
        """The batch in work: neither committed nor anybody else's to store."""
        properties: Properties = {
            "group.id": settings.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",  # what came before the group's first commit is read, too
            "partition.assignment.strategy": "cooperative-sticky",
            "fetch.queue.backoff.ms": options.get("fetch.queue.backoff.ms", _FULL_QUEUE_MS),
            "queued.min.messages": options.get("queued.min.messages", _QUEUED_MESSAGES),
            "queued.max.messages.kbytes": options.get("queued.max.messages.kbytes", _QUEUED_KIB),
            "on_commit": self._committed,
            "error_cb": self._heard,
        }
        if settings.instance is not None:
            properties["group.instance.id"] = settings.instance
        try:
            self._consumer = Consumer(with_options(url, properties, options))
        except KafkaException as error:
            raise refused_by_kafka(error, options) from None

    def run(self) -> None:
        """Consume until `stop`; then what is in hand is finished, and the group left.

        Raises `CommandError` if the brokers let it go on no more, and what is neither the store's absence nor a
        message's fault; nothing of that batch is committed.
        """
        self._consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
        try:
            while not self._stopping.is_set():
                self._alive_at = time.monotonic()
                self._dead_letters.poll()
                self._check_going_on()
                self._hand = self._owned(self._sound(self._consumer.consume(self._size, self._pause_seconds)))
                if self._hand:
                    self._metrics.count_batch(len(self._hand), oldest_ms(self._hand))
                    self._take()
                self._commit_again()
                self._metrics.set_lag(lag_of(self._consumer))
        finally:
            self._consumer.close()  # once what was committed is with the brokers

    def stop(self) -> None:
        """Let `run` end. May be called from a signal handler."""
        self._stopping.set()

    def silent_seconds(self) -> float:
        """Tell how long ago the consumer last asked for messages, or for leave to wait."""
        return time.monotonic() - self._alive_at

    def ping(self) -> None:
        """Ask the brokers for the topics. Raises `Unavailable` if they do not answer, or one is not there."""
        if self._stopping.is_set():
            raise Unavailable("The consumer is ending.")
        self._dead_letters.ping(self._topic)

    def _take(self) -> None:
        """Store the batch and commit it; what cannot be stored now is tried until it can, or until the end."""
        pause_seconds = _FIRST_PAUSE_SECONDS
        while self._hand and not self._try():
            self._metrics.count_retry()
            self._wait(pause_seconds)
            pause_seconds = min(pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
            if self._stopping.is_set():
                return  # uncommitted: whoever comes next reads it again
        self._commit()

    def _try(self) -> bool:
        started = time.monotonic()
        try:
            dead = self._storing.store(self._hand)
            self._dead_letters.put(dead)
        except Unavailable as error:
            _LOG.warning("a batch of %d events waits: %s", len(self._hand), error.message)
            return False
        for letter in dead:
            message = letter.message
            place = f"{message.topic()} {message.partition()}/{message.offset()}"
            _LOG.error("the message at %s was set aside: %s", place, letter.reason)
        self._metrics.count_dead(len(dead))
        self._fit(time.monotonic() - started)
        return True

    def _fit(self, seconds: float) -> None:
        """Take fewer at once where a batch took long, and else more."""
        if seconds > _LONGEST_BATCH_SECONDS:
            self._size = max(1, int(len(self._hand) * _LONGEST_BATCH_SECONDS / seconds))
        else:
            self._size = min(BATCH_MESSAGES, self._size * 2)

    def _wait(self, seconds: float) -> None:
        """Go on asking for nothing, so that the group keeps this member; what it takes away leaves the hand."""
        self._is_waiting = True
        self._consumer.pause(self._consumer.assignment())
        self._metrics.set_lag(lag_of(self._consumer, self._hand, ask=True))
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._stopping.is_set():
            self._alive_at = time.monotonic()
            self._check_going_on()
            message = self._consumer.poll(_POLL_SECONDS)
            self._hand += self._sound([] if message is None else [message])
        self._is_waiting = False
        self._consumer.resume(self._consumer.assignment())

    def _commit(self) -> None:
        """Commit what the store has."""
        ends: dict[int, int] = {}
        for message in self._hand:
            partition, offset = message.partition(), message.offset()
            if partition is not None and offset is not None:
                ends[partition] = max(ends.get(partition, 0), offset + 1)
        self._hand = []
        if ends:
            offsets = [TopicPartition(self._topic, partition, end) for partition, end in ends.items()]
            self._consumer.commit(offsets=offsets, asynchronous=True)

    def _committed(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Hear what came of a commit: a group that shares its partitions out anew takes none."""
        error = error or next((at.error for at in partitions if at.error is not None), None)
        if error is not None and self._commit_again_at is None:
            _LOG.warning("what was stored is not committed, which is tried again: %s", error.str())
            self._commit_again_at = time.monotonic() + _COMMIT_AGAIN_SECONDS

    def _commit_again(self) -> None:
        """Commit all that was read, between two batches: it is stored. Else nothing would tell so until more comes."""
        if self._hand or self._commit_again_at is None or time.monotonic() < self._commit_again_at:
            return
        self._commit_again_at = None
        read = [at for at in self._consumer.position(self._consumer.assignment()) if at.offset >= 0]
        if read:
            self._consumer.commit(offsets=read, asynchronous=True)

    def _sound(self, messages: Sequence[Message]) -> list[Message]:
        """Leave out what is no message but the news of an error."""
        found = []
        for message in messages:
            error = message.error()
            if error is None:
                found.append(message)
            else:
                self._heard(error)
        return found

    def _heard(self, error: KafkaError) -> None:
        """Note what the library says of the brokers; it calls this while it is asked for messages."""
        if error.fatal() or error.code() == KafkaError._FATAL:
            self._fatal = error
        elif error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            _LOG.warning(missing(self._topic))
        else:
            _LOG.warning("the queue said: %s", error.str())

    def _check_going_on(self) -> None:
        if self._fatal is not None:
            raise CommandError(f"The queue lets this consumer go on no more: {self._fatal.str()}.")

    def _owned(self, messages: Sequence[Message]) -> list[Message]:
        """Leave out what came just before its partition went to another member, who reads it again."""
        owned = {held.partition for held in self._consumer.assignment()} if messages else ()
        return [message for message in messages if message.partition() in owned]

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._metrics.count_rebalance("assigned")
        consumer.incremental_assign(partitions)
        if self._is_waiting:
            consumer.pause(partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._metrics.count_rebalance("revoked")
        self._let_go(consumer, partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._metrics.count_rebalance("lost")
        self._let_go(consumer, partitions)

    def _let_go(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Give partitions back with what is in hand of them; of one that comes back it is read again."""
        gone = {partition.partition for partition in partitions}
        self._hand = [message for message in self._hand if message.partition() not in gone]
        consumer.incremental_unassign(partitions)
