"""How many events a second are acknowledged by Kafka, through the API and by confluent-kafka alone."""

import statistics
import time

import msgspec
from confluent_kafka import Producer

from cluster.posting import BATCH, batches_of, post_all
from cluster.topology import Topology
from xray_backend.kafka.topics import make_topics

__all__ = ["measure_ingesting"]

CONNECTIONS = 8
_ALONE = "bench-alone"  # the topic of the peer


def measure_ingesting(topology: Topology, rounds: int, events: int) -> None:
    """Print both, round by round paired."""
    post_all(topology, batches_of(10 * BATCH, 0), CONNECTIONS)
    ours, peers = [], []
    for number in range(1, rounds + 1):
        batches = batches_of(events, number)
        ours.append(events / post_all(topology, batches, CONNECTIONS))
        peers.append(events / _produce_all(topology.kafka_servers, batches))
    ratio = statistics.median(mine / peer for mine, peer in zip(ours, peers, strict=True))
    size_bytes = len(batches[0]) / BATCH
    print(f"ingest: batches of {BATCH}, {CONNECTIONS} connections, {size_bytes:.0f} bytes an event, events a second")
    print(f"  through the API      {statistics.median(ours):9,.0f}  ({min(ours):,.0f} to {max(ours):,.0f})")
    print(f"  confluent-kafka      {statistics.median(peers):9,.0f}  ({min(peers):,.0f} to {max(peers):,.0f})")
    print(f"  ratio                {ratio:9.2f}", flush=True)


def _produce_all(servers: str, batches: list[bytes]) -> float:
    """Produce the same events, unchecked, from one process, each batch waited for as the API does."""
    make_topics(f"kafka://{servers}/{_ALONE}", {}, partitions=3, replicas=1)
    events = [list(map(msgspec.json.encode, msgspec.json.decode(body)["events"])) for body in batches]
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "acks": "all", "linger.ms": 1})
    started = time.perf_counter()
    for batch in events:
        for value in batch:
            producer.produce(_ALONE, value)
        producer.flush()
    return time.perf_counter() - started
