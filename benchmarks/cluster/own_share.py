"""What an event costs the consumer beside the driver: decoding, checking and shaping, told from PyMongo by samples."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import bson
import msgspec
import pymongo
from sample_steps import make_steps

from xray_backend.ingest.checks import Checks
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.processor import Processor
from xray_backend.ingest.wire import parse_again
from xray_backend.memory import seldom_look_for_cycles
from xray_backend.metrics import Metrics
from xray_backend.store.mongodb.store import MongoStore

__all__ = ["own_microseconds"]

BATCH = 1000
BATCHES = 40
SAMPLE_SECONDS = 0.001
DRIVERS = tuple(str(Path(module.__file__ or "").parent) for module in (bson, pymongo))


def own_microseconds(store_url: str, project_id: str) -> tuple[float, float]:
    """Return the processor time of an event that is ours, and that of the driver."""
    texts = [msgspec.json.encode(step) for step in make_steps(BATCH * BATCHES, 11)]
    store = MongoStore(store_url)
    processor, checks = Processor(store, Metrics()), Checks(project_id, Limits())

    def take(at: int) -> float:
        started = time.process_time()
        events = (parse_again(text, checks) for text in texts[at : at + BATCH])
        processor.process(processor.to_batch(project_id, events))
        return time.process_time() - started

    take(0)
    seldom_look_for_cycles()
    used: list[float] = []
    ours, drivers = _samples(lambda: used.extend(map(take, range(BATCH, BATCH * BATCHES, BATCH))))
    store.close()
    each = min(used) / BATCH / (ours + drivers) * 1e6  # on a busy machine only the quickest batch tells what it takes
    return ours * each, drivers * each


def _samples(work: Callable[[], object]) -> tuple[int, int]:
    """Look each millisecond of processor time whose code runs; C code counts as its caller's."""
    counts = [0, 0]

    def look(_: int, frame: FrameType | None) -> None:
        counts[frame is not None and frame.f_code.co_filename.startswith(DRIVERS)] += 1

    signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
    try:
        work()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return counts[0], counts[1]
