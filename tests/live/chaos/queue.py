"""What lies in the topics, and how far the consumers are."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

__all__ = ["Event", "Queue"]

Event = dict[str, Any]

ANSWER_SECONDS = 10.0
DRAIN_SECONDS = 180.0  # a consumer stores what piled up in seconds; one that was thrown out of its group waits for 45
LOOK_SECONDS = 0.1


class Queue:
    """Looks from outside, as a consumer that belongs to nobody."""

    def __init__(self, servers: str, topic: str, group: str) -> None:
        self._topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": group,  # only asked for what it committed; never joined
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        self._ends: Counter[tuple[str, int]] = Counter()
        """How far each partition was read."""

    def wait_until_drained(self, seconds: float = DRAIN_SECONDS) -> None:
        """Return once the group has committed all that is there."""
        deadline = time.monotonic() + seconds
        while lag := self.lag():
            assert time.monotonic() < deadline, f"the consumers are behind still: {lag}"
            time.sleep(LOOK_SECONDS)

    def lag(self) -> dict[int, int]:
        """Return how many messages are not committed, by partition, where any are."""
        held = self._consumer.committed(self._partitions(self._topic), ANSWER_SECONDS)
        behind = {}
        for at in held:
            low, high = self._consumer.get_watermark_offsets(at, ANSWER_SECONDS)
            behind[at.partition] = high - (at.offset if at.offset >= 0 else low)
        return {partition: count for partition, count in behind.items() if count}

    def events(self) -> list[Event]:
        """Return every event that the brokers acknowledged since this was asked before, with its project."""
        return [_event(message) for message in self._messages(self._topic)]

    def dead(self) -> list[Mapping[str, object]]:
        """Return what was set aside since this was asked before: the headers."""
        return [dict(message.headers() or ()) for message in self._messages(f"{self._topic}-dead")]

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()

    def _messages(self, topic: str) -> Iterator[Message]:
        partitions = self._partitions(topic)
        for partition in partitions:
            partition.offset = self._ends[topic, partition.partition]
        self._consumer.assign(partitions)
        ended = 0
        while ended < len(partitions):
            message = self._consumer.poll(ANSWER_SECONDS)
            assert message is not None, "the broker does not answer"
            if message.error() is None:
                self._ends[topic, message.partition()] = message.offset() + 1
                yield message
            else:
                assert message.error().name() == "_PARTITION_EOF", message.error()
                ended += 1
        self._consumer.unassign()

    def _partitions(self, topic: str) -> list[TopicPartition]:
        known = self._consumer.list_topics(topic, ANSWER_SECONDS).topics[topic].partitions
        return [TopicPartition(topic, number) for number in known]


def _event(message: Message) -> Event:
    project = dict(message.headers() or ())["project"]
    assert isinstance(project, bytes)
    return {**msgspec.json.decode(message.value()), "projectId": project.decode()}
