"""KafkaBus: events are durable when the brokers have acknowledged each of them."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from xray_backend.clock import now_ms
from xray_backend.errors import Unavailable
from xray_backend.ingest.bus import Bus
from xray_backend.ingest.taken import Rejection, Taken
from xray_backend.kafka.delivery import Delivery
from xray_backend.kafka.message import headers_of, key_of
from xray_backend.kafka.options import Properties, with_options
from xray_backend.kafka.producing import SharedProducer
from xray_backend.kafka.url import parse_kafka_url

__all__ = ["KafkaBus"]

_LINGER_MS: Final = 1
"""A request's events come at once; without any wait they would go one by one, and a longer one gains little."""

_QUEUE_KIB: Final = 64 * 1024
"""Of events that wait for brokers that are slow: a second's worth at full speed. Then requests are refused."""


class KafkaBus(Bus):
    """Any number of threads share one producer, which each process makes for itself at its first event.

    Raises `ConfigurationError` if the URL or the options cannot be used.
    """

    def __init__(self, url: str, options: Mapping[str, str], *, timeout_seconds: float) -> None:
        found = parse_kafka_url(url)
        self._topic = found.topic
        self._timeout_seconds = timeout_seconds
        ours: Properties = {
            "enable.idempotence": True,
            "acks": "all",
            "message.timeout.ms": max(1, int(timeout_seconds * 1000)),
            "linger.ms": options.get("linger.ms", _LINGER_MS),
            "compression.type": options.get("compression.type", "lz4"),
            "queue.buffering.max.kbytes": options.get("queue.buffering.max.kbytes", _QUEUE_KIB),
        }
        self._together = SharedProducer(with_options(found, ours, options))
        self._alone = SharedProducer(with_options(found, {**ours, "batch.num.messages": 1}, options))

    def publish(self, project_id: str, taken: Sequence[Taken], request_id: str) -> Sequence[Rejection]:
        """Return when every event is acknowledged, with those that are larger than the brokers take.

        Brokers refuse what is too large with all that was sent beside it, so each of those is tried once more, alone.
        """
        deadline = time.monotonic() + self._timeout_seconds
        headers = headers_of(project_id, request_id, now_ms())

        def send(events: Sequence[Taken], shared: SharedProducer) -> Sequence[Taken]:
            producing, delivery = shared.get(), Delivery(len(events))
            for one in events:
                key = key_of(project_id, one.event.trace_id)
                producing.produce(self._topic, one.text, key, headers, delivery, deadline)
            try:
                delivery.wait(deadline)
            except Unavailable:
                shared.replace(producing)  # one that brokers have forgotten asks in vain for ever
                raise
            return [one for one in events if one.text in delivery.too_large] if delivery.too_large else ()

        too_large = send(taken, self._together)
        return [_rejection(one) for one in send(too_large, self._alone)] if too_large else ()

    def check(self) -> None:
        """Raise `ConfigurationError` if the library refuses the options, which it does not say before it is used."""
        self._together.get()

    def ping(self) -> None:
        """Ask the brokers for the topic. Raises `Unavailable` if they do not answer, or it is not there."""
        self._together.get().ping(self._topic)

    def close(self) -> None:
        """Wait for what is on its way."""
        self._together.close()
        self._alone.close()


def _rejection(one: Taken) -> Rejection:
    return Rejection(
        one.place,
        f"The event has {len(one.text)} bytes, which is more than the queue takes; "
        "upload large values through a presigned URL.",
        "event too large",
    )
