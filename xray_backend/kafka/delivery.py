"""What became of the messages of one request."""

import threading
import time
from typing import Any, Final

from confluent_kafka import KafkaError

from xray_backend.errors import Unavailable
from xray_backend.kafka.topic_check import RETRY_AFTER_SECONDS

__all__ = ["Delivery", "away"]

_TOO_LARGE: Final = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE)


class Delivery:
    """Hears of each message once, from whichever thread; one thread waits."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._failure: KafkaError | None = None
        self.too_large: set[bytes] = set()
        """The values that were not taken for their size, or for that of what they were sent with."""
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
            raise away("The queue did not take the events in time")
        if self._failure is not None:
            raise away(f"The queue did not take the events ({self._failure.name()})")

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


def away(what: str) -> Unavailable:
    """Say that the same may be tried again."""
    return Unavailable(f"{what}; try again.", retry_after_seconds=RETRY_AFTER_SECONDS)
