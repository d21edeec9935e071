"""A producer for a program of one thread, which waits until the brokers have what it sent."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from xray_backend.errors import Unavailable
from xray_backend.kafka.message import Headers
from xray_backend.kafka.options import Properties, refused_by_kafka, with_options
from xray_backend.kafka.topic_check import RETRY_AFTER_SECONDS, check_topic
from xray_backend.kafka.url import KafkaUrl

__all__ = ["AcknowledgedProducer"]

_TIMEOUT_SECONDS: Final = 10.0
"""A broker that is there takes milliseconds; whoever waits for it can try again."""

_LARGEST_BYTES: Final = 64 * 1024 * 1024
"""Of one message, as far as this side goes: the brokers decide what they take."""


class AcknowledgedProducer:
    """Sends messages; for one thread."""

    def __init__(self, url: KafkaUrl, options: Mapping[str, str]) -> None:
        properties: Properties = {
            "enable.idempotence": True,
            "acks": "all",
            "message.timeout.ms": int(_TIMEOUT_SECONDS * 1000),
            "message.max.bytes": _LARGEST_BYTES,
            "batch.num.messages": 1,  # brokers refuse what is too large with all that was sent beside it
        }
        self._properties = with_options(url, properties, options)
        self._producer = self._new()
        self._failure: str | None = None

    def produce(
        self,
        topic: str,
        value: str | bytes | None,
        key: str | bytes | None,
        headers: Headers,
        taken: Callable[[], None] = lambda: None,
    ) -> None:
        """Send; `wait` tells what became of it, and `taken` is called if it arrived.

        Raises `Unavailable` if it is known already that it did not.
        """
        done = partial(self._done, topic, taken)
        try:
            self._producer.produce(topic, value, key, headers=headers, on_delivery=done)
        except BufferError:
            self.wait()
            self._producer.produce(topic, value, key, headers=headers, on_delivery=done)
        except KafkaException as error:
            self._failure = _why(error.args[0], topic)
            self.wait()

    def wait(self) -> None:
        """Return when the brokers have acknowledged all. Raises `Unavailable` if not; then all may be repeated."""
        left = self._producer.flush(_TIMEOUT_SECONDS + 1)
        failure, self._failure = self._failure, None
        if failure is None and not left:
            return
        self._producer = self._new()  # one that brokers have forgotten asks in vain for ever
        raise Unavailable(
            f"The queue did not take a message{failure or ' in time'}.", retry_after_seconds=RETRY_AFTER_SECONDS
        )

    def poll(self) -> None:
        """Let the library write to the log."""
        self._producer.poll(0)

    def ping(self, topic: str) -> None:
        """Ask for a topic, from any thread. Raises `Unavailable` if the brokers do not answer, or it is not there."""
        check_topic(self._producer, topic)

    def _new(self) -> Producer:
        try:
            return Producer(self._properties)
        except KafkaException as error:
            raise refused_by_kafka(error, self._properties) from None

    def _done(self, topic: str, taken: Callable[[], None], error: KafkaError | None, message: Any) -> None:
        if error is None:
            taken()
        else:
            self._failure = _why(error, topic)


def _why(failure: KafkaError, topic: str) -> str:
    if failure.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return f": it is too large for the topic {topic}, whose max.message.bytes must be raised"
    return f" ({failure.name()})"
