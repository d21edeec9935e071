"""How fast one consumer takes a backlog into the store, how much memory it holds, and what of its time is ours."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from pymongo import MongoClient

from cluster.posting import batches_of, post_all
from cluster.topology import Consumer, Topology
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.processor import Processor
from xray_backend.ingest.wire import parse_again, parse_ingest
from xray_backend.metrics import Metrics
from xray_backend.store.base import Store

__all__ = ["measure_consuming"]

CONNECTIONS = 8
PART = 20_000  # events that are made at once, so that a backlog of any length fits into memory
LOOK_SECONDS = 0.05
TICKS = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 1024 * 1024


def measure_consuming(topology: Topology, backlog: int) -> None:
    """Print the speed from the first step stored to the last."""
    for number, at in enumerate(range(0, backlog, PART)):
        post_all(topology, batches_of(min(PART, backlog - at), number), CONNECTIONS)
    client: MongoClient[dict[str, object]] = MongoClient(topology.store_url)
    count = client.get_default_database()["steps"].estimated_document_count
    with topology.consumer() as consumer:
        seconds, events, processor_seconds, most_bytes = _until_done(consumer, count, backlog)
    client.close()
    own_us = _own_microseconds()
    rate = events / seconds
    print(f"consume: a backlog of {backlog:,} steps, one process")
    print(f"  events a second      {rate:9,.0f}")
    print(f"  processor time       {processor_seconds / events * 1e6:9.0f} us an event")
    print(f"  of it decoding, checking and shaping {own_us:.1f} us, {own_us * rate / 1e4:.0f} % of the time")
    print(f"  most memory          {most_bytes / MEBIBYTE:9.0f} MiB", flush=True)


def _until_done(consumer: Consumer, count: Callable[[], int], backlog: int) -> tuple[float, int, float, int]:
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


class _NoStore:
    """Stands where the store does when only what comes before it is timed."""


def _own_microseconds() -> float:
    """Return what an event costs before the store sees it."""
    limits = Limits()
    taken = [one for body in batches_of(PART, 7) for one in parse_ingest(body, limits, "p").taken]
    store: Store = _NoStore()  # type: ignore[assignment] # `to_batch` does not ask it
    processor = Processor(store, Metrics())
    started = time.process_time()
    for at in range(0, PART, 1000):
        texts = [one.text for one in taken[at : at + 1000]]
        processor.to_batch("p", [parse_again(text, limits, "p") for text in texts])
    return (time.process_time() - started) / PART * 1e6


def _processor_seconds(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _resident_bytes(process_id: int) -> int:
    return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
