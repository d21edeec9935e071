"""How fast one consumer takes a backlog into the store, how much memory it holds, and what of its time is ours."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from confluent_kafka import Consumer
from pymongo import MongoClient

from cluster.own_share import own_microseconds
from cluster.posting import batches_of, post_all
from cluster.topology import Consumer as Process
from cluster.topology import Topology

__all__ = ["measure_consuming"]

CONNECTIONS = 8
PART = 20_000  # events that are made at once, so that a backlog of any length fits into memory
BATCH = 1000  # the contract's bound
RATE = 20_000  # the bar
LOOK_SECONDS = 0.05
TICKS = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 1024 * 1024


def measure_consuming(topology: Topology, backlog: int) -> None:
    """Print the speed from the first step stored to the last."""
    for number, at in enumerate(range(0, backlog, PART)):
        post_all(topology, batches_of(min(PART, backlog - at), number), CONNECTIONS)
    client: MongoClient[dict[str, object]] = MongoClient(topology.store_url)
    count = client.get_default_database()["steps"].estimated_document_count
    before = _peer(topology, backlog, "before")
    with topology.consumer() as consumer:
        seconds, events, processor_seconds, most_bytes = _until_done(consumer, count, backlog)
    client.close()
    rate = events / seconds
    peer_rate = (before + _peer(topology, backlog, "after")) / 2  # the server gets quicker, and the machine busier
    own_us, driver_us = own_microseconds(topology.store_url, "own-share")
    print(f"consume: a backlog of {backlog:,} steps, one process")
    print(f"  events a second      {rate:9,.0f}")
    print(f"  confluent-kafka and PyMongo alone {peer_rate:,.0f}, ratio {rate / peer_rate:.2f}")
    print(f"  processor time       {processor_seconds / events * 1e6:9.0f} us an event")
    print(f"  in one thread: ours {own_us:.1f} us, PyMongo's {driver_us:.1f} us an event")
    print(f"  ours is {own_us * RATE / 1e4:.0f} % of the time at {RATE:,} events a second")
    print(f"  most memory          {most_bytes / MEBIBYTE:9.0f} MiB", flush=True)


def _peer(topology: Topology, backlog: int, group: str) -> float:
    """Take the same messages unchecked: decode, one unordered insert with the same indexes, commit."""
    client: MongoClient[dict[str, object]] = MongoClient(topology.store_url, w="majority")
    database = client.get_default_database()
    for name, index in database["steps"].index_information().items():
        if name != "_id_" and "$**" not in dict(index["key"]):  # which the stand-in lists, and has not
            database["peer"].create_index(index["key"], name=name)
    consumer = Consumer(
        {
            "bootstrap.servers": topology.kafka_servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topology.topic])
    taken, started = 0, 0.0
    while taken < backlog:
        messages = consumer.consume(BATCH, 1.0)
        if not messages:
            continue
        started = started or time.perf_counter()
        steps = [msgspec.json.decode(message.value() or b"") for message in messages]
        for step in steps:
            step.update(_id=step["stepId"], projectId=topology.project_id)
        database["peer"].insert_many(steps, ordered=False)
        consumer.commit(asynchronous=False)
        taken += len(steps)
    seconds = time.perf_counter() - started
    consumer.close()
    database.drop_collection("peer")
    client.close()
    return backlog / seconds


def _until_done(consumer: Process, count: Callable[[], int], backlog: int) -> tuple[float, int, float, int]:
    """Return seconds, events and processor time since the first step, and the most memory."""
    while (first := count()) == 0:
        time.sleep(LOOK_SECONDS)
    started, used = time.perf_counter(), _processor_seconds(consumer.process_id)
    most_bytes = 0
    while count() < backlog:
        most_bytes = max(most_bytes, _resident_bytes(consumer.process_id))
        time.sleep(LOOK_SECONDS)
    return (
        time.perf_counter() - started,
        backlog - first,
        _processor_seconds(consumer.process_id) - used,
        most_bytes,
    )


def _processor_seconds(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _resident_bytes(process_id: int) -> int:
    return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
