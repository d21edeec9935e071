"""Committing what the store has, and again where the group took nothing."""

import logging
import time
from collections.abc import Iterable
from typing import Final

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

__all__ = ["Commits"]

_LOG = logging.getLogger(__name__)

_AGAIN_SECONDS: Final = 1.0
"""A group that was shared out anew takes commits at once."""


class Commits:
    """Of one consumer of one topic; for its thread."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._ends: dict[int, int] = {}
        """Where each partition goes on: the store has all that comes before."""
        self._again_at: float | None = None

    def commit(self, consumer: Consumer, messages: Iterable[Message]) -> None:
        """Commit messages that the store has, of partitions that are the consumer's."""
        ends: dict[int, int] = {}
        for message in messages:
            partition, offset = message.partition(), message.offset()
            if partition is not None and offset is not None:
                ends[partition] = max(ends.get(partition, 0), offset + 1)
        self._ends |= ends
        self._send(consumer, ends)

    def heard(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Hear what came of a commit: a group that shares its partitions out anew takes none."""
        error = error or next((at.error for at in partitions if at.error is not None), None)
        if error is not None and self._again_at is None:
            _LOG.warning("what was stored is not committed, which is tried again: %s", error.str())
            self._again_at = time.monotonic() + _AGAIN_SECONDS

    def again(self, consumer: Consumer) -> None:
        """Commit all anew if that is due. Nothing else would tell what is stored until more comes."""
        if self._again_at is not None and time.monotonic() >= self._again_at:
            self._again_at = None
            self._send(consumer, self._ends)

    def forget(self, partitions: Iterable[int]) -> None:
        """Leave partitions to others."""
        for partition in partitions:
            self._ends.pop(partition, None)

    def _send(self, consumer: Consumer, ends: dict[int, int]) -> None:
        if ends:
            offsets = [TopicPartition(self._topic, partition, end) for partition, end in ends.items()]
            consumer.commit(offsets=offsets, asynchronous=True)
