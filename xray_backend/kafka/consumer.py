"""The consumer: takes events from Kafka into the store, and commits what the store has."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from xray_backend.errors import CommandError, Unavailable
from xray_backend.kafka.committing import Commits
from xray_backend.kafka.consumer_metrics import ConsumerMetrics
from xray_backend.kafka.dead_letters import DeadLetter, DeadLetters
from xray_backend.kafka.lag import lag_of, oldest_ms
from xray_backend.kafka.message import NewerVersion
from xray_backend.kafka.options import Properties, refused_by_kafka, with_options
from xray_backend.kafka.storing import Ready, Storing
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


@dataclass
class _Batch:
    """Messages that are being stored."""

    messages: list[Message]
    """Those that are nobody else's to commit."""

    ready: Ready
    reading_seconds: float
    stored: "Future[tuple[list[DeadLetter], float]]"
    """Those that can never be stored, and how many seconds it took."""


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
        self._commits = Commits(url.topic)
        self._alive_at = time.monotonic()
        self._size = _FIRST_MESSAGES
        self._late: list[Message] = []
        self._hand: list[Message] = []
        """What was read, and is not yet being stored; what came when nothing was asked for waits for its turn."""
        self._batch: _Batch | None = None
        """What is being stored, by a thread of its own: while the database works, the next messages are read."""
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="xray-store")
        properties: Properties = {
            "group.id": settings.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",  # what came before the group's first commit is read, too
            "partition.assignment.strategy": "cooperative-sticky",
            "fetch.queue.backoff.ms": options.get("fetch.queue.backoff.ms", _FULL_QUEUE_MS),
            "queued.min.messages": options.get("queued.min.messages", _QUEUED_MESSAGES),
            "queued.max.messages.kbytes": options.get("queued.max.messages.kbytes", _QUEUED_KIB),
            "on_commit": self._commits.heard,
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
                self._turn()
            self._finish()
        finally:
            self._consumer.close()  # once what was committed is with the brokers
            self._writer.shutdown()  # a thread that waited for the database would keep the process, deaf to signals

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

    def _turn(self) -> None:
        """Read some messages while those before them are stored, and then have them stored."""
        wanted = max(1, self._size - len(self._late))
        came = self._sound(self._consumer.consume(wanted, self._pause_seconds))
        self._hand, self._late = self._owned([*self._late, *came]), []
        is_behind = len(self._hand) >= BATCH_MESSAGES
        waited = self._batch is not None
        started = time.monotonic()
        ready = self._read()
        seconds = time.monotonic() - started
        self._finish()
        if self._hand and not self._stopping.is_set():
            self._metrics.count_batch(len(self._hand), oldest_ms(self._hand))
            self._batch = _Batch(self._hand, ready, seconds, self._writer.submit(self._store, ready))
            self._hand = []
        if not is_behind and not waited:  # there is nothing to read meanwhile, or the store may take long for as many
            self._finish()
        self._commits.again(self._consumer)
        self._metrics.set_lag(lag_of(self._consumer, self._held()))

    def _read(self) -> Ready:
        try:
            return self._storing.prepare(self._hand)
        except NewerVersion:
            self._finish()
            raise

    def _store(self, ready: Ready) -> tuple[list[DeadLetter], float]:
        started = time.monotonic()
        return self._storing.store(ready), time.monotonic() - started

    def _finish(self) -> None:
        """See the batch through and commit it; what cannot be stored now is tried until it can, or until the end."""
        batch = self._batch
        if batch is None:
            return
        pause_seconds = _FIRST_PAUSE_SECONDS
        while batch.messages and not self._is_stored(batch):
            self._metrics.count_retry()
            self._wait(pause_seconds)
            pause_seconds = min(pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
            if self._stopping.is_set():
                break  # uncommitted: whoever comes next reads it again
            batch.stored = self._writer.submit(self._store, batch.ready)
        else:
            self._commits.commit(self._consumer, batch.messages)
        self._batch = None

    def _is_stored(self, batch: _Batch) -> bool:
        try:
            found, seconds = batch.stored.result()
            mine = set(map(id, batch.messages))
            dead = [letter for letter in found if id(letter.message) in mine]
            self._dead_letters.put(dead)
        except Unavailable as error:
            _LOG.warning("a batch of %d events waits: %s", len(batch.messages), error.message)
            return False
        for letter in dead:
            message = letter.message
            place = f"{message.topic()} {message.partition()}/{message.offset()}"
            _LOG.error("the message at %s was set aside: %s", place, letter.reason)
        self._metrics.count_dead(len(dead))
        self._fit(len(batch.messages), batch.reading_seconds + seconds)
        return True

    def _fit(self, messages: int, seconds: float) -> None:
        """Take fewer at once where a batch took long, and else more."""
        if seconds > _LONGEST_BATCH_SECONDS:
            self._size = max(1, int(messages * _LONGEST_BATCH_SECONDS / seconds))
        else:
            self._size = min(BATCH_MESSAGES, self._size * 2)

    def _wait(self, seconds: float) -> None:
        """Go on asking for nothing, so that the group keeps this member; what it takes away leaves the hand."""
        self._is_waiting = True
        self._consumer.pause(self._consumer.assignment())
        self._metrics.set_lag(lag_of(self._consumer, self._held(), ask=True))
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._stopping.is_set():
            self._alive_at = time.monotonic()
            self._check_going_on()
            message = self._consumer.poll(_POLL_SECONDS)
            self._late += self._sound([] if message is None else [message])
        self._is_waiting = False
        self._consumer.resume(self._consumer.assignment())

    def _held(self) -> list[Message]:
        """Return all that was read and is not committed."""
        return [*(self._batch.messages if self._batch else ()), *self._hand, *self._late]

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
        for held in (self._late, self._hand, *([self._batch.messages] if self._batch else [])):
            held[:] = [message for message in held if message.partition() not in gone]
        self._commits.forget(gone)
        consumer.incremental_unassign(partitions)
