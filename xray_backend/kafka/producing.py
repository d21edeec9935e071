"""A producer that all threads of a process share."""

import os
import threading
import time
from typing import Final

from confluent_kafka import KafkaException, Producer

from xray_backend.kafka.delivery import Delivery, away
from xray_backend.kafka.message import Headers
from xray_backend.kafka.options import Properties, refused_by_kafka
from xray_backend.kafka.topic_check import check_topic

__all__ = ["Producing", "SharedProducer"]

_POLL_SECONDS: Final = 0.1
_CLOSE_SECONDS: Final = 10.0


class Producing:
    """A producer, with the thread that hears of its deliveries."""

    def __init__(self, properties: Properties) -> None:
        self.process_id = os.getpid()
        try:
            self._producer = Producer(properties)
        except KafkaException as error:
            raise refused_by_kafka(error, properties) from None
        self._ending = False
        self._thread = threading.Thread(target=self._listen, name="xray-kafka-deliveries", daemon=True)
        self._thread.start()

    def produce(
        self, topic: str, value: bytes, key: bytes, headers: Headers, delivery: Delivery, deadline: float
    ) -> None:
        """Hand over a message, waiting for room until the deadline. Raises `Unavailable` if there is none then."""
        while True:
            try:
                self._producer.produce(topic, value, key, headers=headers, on_delivery=delivery.done)
                return
            except BufferError:
                if time.monotonic() >= deadline:
                    raise away("The queue is full") from None
                self._producer.poll(_POLL_SECONDS)
            except KafkaException as error:
                delivery.refused(error.args[0], value)
                return

    def ping(self, topic: str) -> None:
        """Ask for a topic. Raises `Unavailable` if the brokers do not answer, or it is not there."""
        check_topic(self._producer, topic)

    def close(self) -> None:
        """Wait for what is on its way."""
        self._producer.flush(_CLOSE_SECONDS)
        self.abandon()
        self._thread.join(_CLOSE_SECONDS)

    def abandon(self) -> None:
        """Take no more; who waits for an answer still gets it."""
        self._ending = True

    def _listen(self) -> None:
        while not self._ending or len(self._producer):
            self._producer.poll(_POLL_SECONDS)


class SharedProducer:
    """Each process makes one for itself at its first use, and another when that has failed."""

    def __init__(self, properties: Properties) -> None:
        self._properties = properties
        self._lock = threading.Lock()
        self._producing: Producing | None = None

    def get(self) -> Producing:
        """Return this process's. Raises `ConfigurationError` if the properties cannot be used."""
        producing = self._producing
        if producing is None or producing.process_id != os.getpid():
            with self._lock:
                if self._producing is None or self._producing.process_id != os.getpid():
                    self._producing = Producing(self._properties)
                producing = self._producing
        return producing

    def replace(self, failed: Producing) -> None:
        """Let the next use make another one."""
        with self._lock:
            if self._producing is failed:
                self._producing = None
        failed.abandon()

    def close(self) -> None:
        """Wait for what is on its way. Idempotent."""
        with self._lock:
            producing, self._producing = self._producing, None
        if producing is not None and producing.process_id == os.getpid():
            producing.close()
