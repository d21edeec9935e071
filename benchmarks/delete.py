"""How long those who record wait while a large trace is being removed.

    python benchmarks/delete.py [--steps 50000] [--rounds 3]

Two threads store batches of 100 steps each without a pause: alone, and then while the server's own background thread
removes a trace of `--steps` steps. Both measurements take as long as the removal does. No HTTP: what is shared, and
what a removal could hold, is the store's one writer.
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sample_steps import make_steps

from xray_backend.blobs.files import FileBlobStore
from xray_backend.blobs.signing import UrlSigner
from xray_backend.metrics import Metrics
from xray_backend.services.housekeeping import PIECE_ROWS, Housekeeper
from xray_backend.store.records import EventBatch, StepRecord
from xray_backend.store.sqlite.store import SqliteStore

BATCH = 100  # the SDK's own batch size
WRITERS = 2
ALONE_SECONDS = 5.0  # some hundred batches, so that a p99 means something
LOOK_SECONDS = 0.02
SAMPLE = list(make_steps(BATCH, seed=1))


def main() -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="xray-bench-") as folder:
        store = SqliteStore(Path(folder, "xray.db"))
        keeper = _keeper(store, Path(folder))
        keeper.start()
        print(f"{'':<22}{'batches/s':>10}{'median ms':>11}{'p99 ms':>9}{'removed rows/s':>16}")
        for number in range(options.rounds):
            _round(store, keeper, f"doomed-{number}", options.steps)
        keeper.stop()
        store.close()
    return 0


def _keeper(store: SqliteStore, folder: Path) -> Housekeeper:
    signer = UrlSigner("http://127.0.0.1", os.urandom(16).hex())
    blobs = FileBlobStore(folder / "blobs", signer, store.recorded_data, max_blob_bytes=1)
    return Housekeeper(store, blobs, Metrics(), folder / "lock", sweep_seconds=3600)


def _round(store: SqliteStore, keeper: Housekeeper, trace_id: str, steps: int) -> None:
    for _ in range(steps // BATCH):
        store.write(_batch(trace_id))
    _print("alone", _timed(store, lambda: time.sleep(ALONE_SECONDS)))

    def remove() -> None:
        store.delete_trace("p", trace_id)
        keeper.wake()
        while store.next_deletion(1) is not None:
            time.sleep(LOOK_SECONDS)

    began = time.perf_counter()
    waits = _timed(store, remove)
    _print(f"beside a removal of {PIECE_ROWS}", waits, steps / (time.perf_counter() - began))


def _timed(store: SqliteStore, meanwhile: Callable[[], None]) -> list[float]:
    """Return how long each batch took, of all that were stored until the other thing was done."""
    waits: list[float] = []
    done = threading.Event()

    def record() -> None:
        while not done.is_set():
            batch = _batch("kept")
            began = time.perf_counter()
            store.write(batch)
            waits.append(time.perf_counter() - began)

    threads = [threading.Thread(target=record) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    meanwhile()
    done.set()
    for thread in threads:
        thread.join()
    return waits


def _batch(trace_id: str) -> EventBatch:
    steps = [
        StepRecord(
            step_id := os.urandom(12).hex(),
            trace_id,
            "rank",
            number,
            time.time() * 1000,
            False,
            {**step, "stepId": step_id, "traceId": trace_id},
        )
        for number, step in enumerate(SAMPLE)
    ]
    return EventBatch("p", steps=steps)


def _print(name: str, waits: list[float], removed_per_second: float | None = None) -> None:
    slowest = statistics.quantiles(waits, n=100)[-1]
    rate = WRITERS / statistics.fmean(waits)
    removed = "" if removed_per_second is None else f"{removed_per_second:16,.0f}"
    print(f"{name:<22}{rate:10.0f}{statistics.median(waits) * 1000:11.1f}{slowest * 1000:9.1f}{removed}")


if __name__ == "__main__":
    raise SystemExit(main())
