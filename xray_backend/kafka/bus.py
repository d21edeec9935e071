"""KafkaBus: events are durable when the brokers have acknowledged each of them."""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from xray_backend.clock import now_ms
from xray_backend.errors import Unavailable
from xray_backend.ingest.bus import Bus
from xray_backend.ingest.taken import Rejection, Taken
from xray_backend.kafka.message import Headers, headers_of, key_of
from xray_backend.kafka.options import Properties, refused_by_kafka, with_options
from xray_backend.kafka.topic_check import RETRY_AFTER_SECONDS, check_topic
from xray_backend.kafka.url import parse_kafka_url

__all__ = ["KafkaBus"]

_LINGER_MS: Final = 1
"""A request's events come at once; without any wait they would go one by one, and a longer one gains little."""

_QUEUE_KIB: Final = 64 * 1024
"""Of events that wait for brokers that are slow: a second's worth at full speed. Then requests are refused."""

_POLL_SECONDS: Final = 0.1
_CLOSE_SECONDS: Final = 10.0

_TOO_LARGE: Final = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE)


class KafkaBus(Bus):
    """Any number of threads share one producer, which each process makes for itself at its first event.

    Raises `ConfigurationError` if the URL or the options cannot be used.
    """

    def __init__(self, url: str, options: Mapping[str, str], *, timeout_seconds: float) -> None:
        self._url = parse_kafka_url(url)
        self._timeout_seconds = timeout_seconds
        self._properties = with_options(
            self._url,
            {
                "enable.idempotence": True,
                "acks": "all",
                "message.timeout.ms": max(1, int(timeout_seconds * 1000)),
                "linger.ms": options.get("linger.ms", _LINGER_MS),
                "compression.type": options.get("compression.type", "lz4"),
                "queue.buffering.max.kbytes": options.get("queue.buffering.max.kbytes", _QUEUE_KIB),
            },
            options,
        )
        self._lock = threading.Lock()
        self._producing: _Producing | None = None

    def publish(self, project_id: str, taken: Sequence[Taken], request_id: str) -> Sequence[Rejection]:
        """Return when every event is acknowledged, with those that are larger than the brokers take."""
        deadline = time.monotonic() + self._timeout_seconds
        producer = self._own()
        headers = headers_of(project_id, request_id, now_ms())
        delivery = _Delivery(len(taken))
        for one in taken:
            key = key_of(project_id, one.event.trace_id)
            producer.produce(self._url.topic, one.text, key, headers, delivery, deadline)
        delivery.wait(deadline)
        return [
            Rejection(
                one.place,
                f"The event has {len(one.text)} bytes, which is more than the queue takes; "
                "upload large values through a presigned URL.",
                "event too large",
            )
            for one in taken
            if delivery.too_large and one.text in delivery.too_large
        ]

    def ping(self) -> None:
        """Ask the brokers for the topic. Raises `Unavailable` if they do not answer, or it is not there."""
        self._own().ping(self._url.topic)

    def close(self) -> None:
        """Wait for what is on its way."""
        with self._lock:
            producing, self._producing = self._producing, None
        if producing is not None and producing.process_id == os.getpid():
            producing.close()

    def _own(self) -> "_Producing":
        producing = self._producing
        if producing is None or producing.process_id != os.getpid():
            with self._lock:
                if self._producing is None or self._producing.process_id != os.getpid():
                    self._producing = _Producing(self._properties)
                producing = self._producing
        return producing


class _Producing:
    """A producer, with the thread that hears of its deliveries."""

    def __init__(self, properties: Properties) -> None:
        self.process_id = os.getpid()
        try:
            self._producer = Producer(properties)
        except KafkaException as error:
            raise refused_by_kafka(error) from None
        self._ending = False
        self._thread = threading.Thread(target=self._listen, name="xray-kafka-deliveries", daemon=True)
        self._thread.start()

    def produce(
        self,
        topic: str,
        value: bytes,
        key: bytes,
        headers: Headers,
        delivery: "_Delivery",
        deadline: float,
    ) -> None:
        """Hand over a message, waiting for room until the deadline."""
        while True:
            try:
                self._producer.produce(topic, value, key, headers=headers, on_delivery=delivery.done)
                return
            except BufferError:
                if time.monotonic() >= deadline:
                    raise _away("The queue is full") from None
                self._producer.poll(_POLL_SECONDS)
            except KafkaException as error:
                delivery.refused(error.args[0], value)
                return

    def ping(self, topic: str) -> None:
        check_topic(self._producer, topic)

    def close(self) -> None:
        self._producer.flush(_CLOSE_SECONDS)
        self._ending = True
        self._thread.join(_CLOSE_SECONDS)

    def _listen(self) -> None:
        while not self._ending:
            self._producer.poll(_POLL_SECONDS)


class _Delivery:
    """What became of the messages of one request."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._failure: KafkaError | None = None
        self.too_large: set[bytes] = set()
        if not count:
            self._ended.set()

    def done(self, error: KafkaError | None, message: Any) -> None:
        """Hear of one message; librdkafka calls it from whichever thread polls."""
        if error is not None:
            self._fail(error, message.value())
        self._count()

    def refused(self, error: KafkaError, value: bytes) -> None:
        """Note that a message could not even be handed over."""
        self._fail(error, value)
        self._count()

    def wait(self, deadline: float) -> None:
        """Return when all have arrived, but for those that are too large. Raises `Unavailable` if one has not."""
        if not self._ended.wait(max(0.0, deadline - time.monotonic())):
            raise _away("The queue did not take the events in time")
        if self._failure is not None:
            raise _away(f"The queue did not take the events ({self._failure.name()})")

    def _fail(self, error: KafkaError, value: bytes) -> None:
        if error.code() in _TOO_LARGE:
            self.too_large.add(value)
        else:
            self._failure = error

    def _count(self) -> None:
        with self._lock:
            self._left -= 1
            if not self._left:
                self._ended.set()


def _away(what: str) -> Unavailable:
    return Unavailable(f"{what}; try again.", retry_after_seconds=RETRY_AFTER_SECONDS)
