"""What a step costs its caller in each shape that the spool could have; the figures of docs/adr/0003-spool.md.

Shapes, each keeping the same step with two captured values:

- `append`: bytes that are there already, appended to a file with one `os.write`
- `copy`: bytes that are there already, copied into a preallocated mapping
- `expand+append`: the finished request lines, with hashing and data events, made by the caller and appended
- `encode+copy`: one compact record, made by the caller and copied; the background makes the rest of it
- `put`: the whole of `Exporter.put` while its background packs at the same time, its server away

Rounds are paired: each measures every shape once, in turn; medians and ratios are over the rounds. The last table
has some work of the program's before each call, as there always is: that is where a call that gives up the
interpreter's lock has to wait for it again.
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from xray_trace.config import Config
from xray_trace.events import Part, Record, StepEvent, encode_record
from xray_trace.export.batch_queue import BatchQueue
from xray_trace.export.disk_storage import DiskStorage
from xray_trace.export.doorbell import Doorbell
from xray_trace.export.expander import Expander
from xray_trace.export.exporter import Exporter
from xray_trace.stats import Stats

DESTINATION = "0" * 16
LIMIT_BYTES = 4_000_000_000  # nothing may be refused or evicted while the shapes are compared
SETTLE_SECONDS = 60.0  # far over what packing one round takes

WORK_LOOPS = 500  # some 4 µs: what a small function does between two records

STEP = StepEvent(
    "step",
    "0123456789abcdef0123456789abcdef",
    "search_products",
    7,
    1768154113.243125,
    0.00125,
    None,
    b'{"source":"catalogue","candidateCount":42}',
)

Action = Callable[[], object]


def record() -> Record:
    """Return a step of about 600 bytes with two small values."""
    inputs = Part("keywords", "input", "application/json", b'["steel","bottle"]', b'{"type":"list","length":2}', b"{}")
    output = Part("return", "output", "application/json", b'{"id":17,"score":0.5}', b'{"type":"dict"}', b"{}")
    return Record("0123456789abcdef0123456789abcdef", STEP, [inputs, output])


class Shapes:
    """All shapes on one directory."""

    def __init__(self, directory: Path) -> None:
        self.storage = DiskStorage(directory / "shapes" / "xray-sdk", DESTINATION, LIMIT_BYTES)
        self.queue = BatchQueue(self.storage, Doorbell().nudge, 10**9)
        self.step = record()
        self.line = b",\n".join(Expander(DESTINATION).expand(self.step))
        self.payload = encode_record(self.step)
        self.descriptor = os.open(directory / "append", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        config = Config(
            api_key="none",
            base_url="http://127.0.0.1:1",
            spool_dir=directory / "xray-sdk",
            max_spool_bytes=LIMIT_BYTES,
            max_attempts=1,
        )
        self.exporter = Exporter(config, Stats())

    def actions(self) -> dict[str, Action]:
        """Return each shape's way of keeping one step."""
        return {
            "append": lambda: os.write(self.descriptor, self.line),
            "copy": lambda: self.queue.put(self.payload),
            "expand+append": self._expand_and_append,
            "encode+copy": lambda: self.queue.put(encode_record(self.step)),
            "put": lambda: self.exporter.put(self.step),
        }

    def tidy(self) -> None:
        """Empty what the last shape filled, and let the background come to rest."""
        self.exporter.flush(SETTLE_SECONDS)
        os.ftruncate(self.descriptor, 0)
        for journal in self.queue.collect():
            self.queue.forget(journal)
            self.storage.remove(journal.name)

    def close(self) -> None:
        """Give everything back."""
        os.close(self.descriptor)
        self.storage.release()
        self.exporter.shutdown(SETTLE_SECONDS)

    def _expand_and_append(self) -> None:
        os.write(self.descriptor, b",\n".join(Expander(DESTINATION).expand(self.step)))


def microseconds(action: Action, calls: int, threads: int, work_loops: int = 0) -> float:
    """Return the wall time of one call, with so many threads calling at once, each after some work of its own."""
    start = threading.Barrier(threads + 1)

    def work() -> None:
        start.wait()
        for _ in range(calls // threads):
            for _ in range(work_loops):
                pass
            action()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    start.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    return (time.perf_counter() - began) / calls * 1e6


def measure(rounds: int, calls: int, threads: int, work_loops: int) -> dict[str, list[float]]:
    """Return, for each shape, the time of one call in each round."""
    with tempfile.TemporaryDirectory() as directory:
        shapes = Shapes(Path(directory))
        found: dict[str, list[float]] = {name: [] for name in shapes.actions()}
        for action in shapes.actions().values():
            microseconds(action, calls // 10, threads)
        for _ in range(rounds):
            for name, action in shapes.actions().items():
                shapes.tidy()
                found[name].append(microseconds(action, calls, threads, work_loops))
        shapes.close()
    return found


def main() -> None:
    """Print a table for one thread and for several."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=20_000)
    options = parser.parse_args()
    for threads, work_loops in ((1, 0), (8, 0), (8, WORK_LOOPS)):
        found = measure(options.rounds, options.calls, threads, work_loops)
        after = " after work of the program's" if work_loops else ""
        print(f"{threads} thread(s), µs a call{after}: median (lowest to highest), ratio to `encode+copy`")
        for name, times in found.items():
            ratios = [time / base for time, base in zip(times, found["encode+copy"], strict=True)]
            print(
                f"  {name:14} {statistics.median(times):6.2f} ({min(times):.2f} to {max(times):.2f})"
                f"  {statistics.median(ratios):.2f}"
            )


if __name__ == "__main__":
    main()
