"""How far a consumer is behind."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from xray_backend.kafka.message import number_in, text_headers

__all__ = ["lag_of", "oldest_ms"]

_ANSWER_SECONDS: Final = 0.5
"""A broker at rest answers in milliseconds, and the consumer asks while it waits for something else."""


def lag_of(consumer: Consumer, hand: Sequence[Message] = (), *, ask: bool = False) -> dict[int, int]:
    """Return how many messages wait, by partition, those in hand included.

    With `ask` it is what the brokers say now, for while nothing is fetched; else what came with the last fetch. A
    partition of which nothing was told yet is left out.
    """
    held = Counter(message.partition() for message in hand)
    lag = {}
    for at in consumer.position(consumer.assignment()):
        bounds = _bounds(consumer, at) if ask else None
        ask = bounds is not None  # who does not answer once is not asked again
        low, high = bounds or _last_bounds(consumer, at)
        if high >= 0:
            lag[at.partition] = max(0, high - (at.offset if at.offset >= 0 else low)) + held[at.partition]
    return lag


def oldest_ms(messages: Sequence[Message]) -> int | None:
    """Return when the API took the oldest; the first of each partition is its oldest."""
    firsts: dict[int | None, Message] = {}
    for message in messages:
        firsts.setdefault(message.partition(), message)
    received = [number_in(text_headers(message), "received") for message in firsts.values()]
    return min((time_ms for time_ms in received if time_ms is not None), default=None)


def _bounds(consumer: Consumer, at: TopicPartition) -> tuple[int, int] | None:
    try:
        return consumer.get_watermark_offsets(at, timeout=_ANSWER_SECONDS)
    except KafkaException:
        return None


def _last_bounds(consumer: Consumer, at: TopicPartition) -> tuple[int, int]:
    try:
        return consumer.get_watermark_offsets(at, cached=True)
    except KafkaException:
        return -1, -1
