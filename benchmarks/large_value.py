"""A large value captured in a program whose event loop beats every millisecond: gaps, memory, completeness.

Run: python benchmarks/large_value.py [--runs 5] [--shape NAME]

Each run is a process of its own. The value is made first; its memory is the base. Then a step with the value as its
input is called while the loop beats, until the value lies complete in the spool; the same program without recording
tells what the machine does to the beat by itself. Where other programs want the processors too, give the whole thing
a real-time priority (`chrt -r 10 python …`): else it measures those.
"""

import argparse
import asyncio
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xray_trace as xray

BEAT_SECONDS = 0.001
GIVE_UP_SECONDS = 300.0


def _nest(width: int, depth: int) -> Any:
    return [_nest(width, depth - 1) for _ in range(width)] if depth else {"n": 1, "text": "some text", "f": 2.5}


SHAPES: dict[str, Callable[[], Any]] = {
    "rows": lambda: [
        {"id": n, "name": f"product {n}", "prices": [n, n + 1, [n]], "tags": {"a": "b"}, "score": n / 7}
        for n in range(500_000)
    ],
    "keys": lambda: {f"key {n}": {"n": n, "label": f"label {n}"} for n in range(1_000_000)},
    "flat": lambda: {f"key {n}": n for n in range(1_000_000)},
    "ints": lambda: list(range(20_000_000)),
    "deep": lambda: _nest(9, 6),
    "mixed": lambda: [{"id": n, "password": "hunter2", "when": complex(n, 1), 1: {n}} for n in range(200_000)],
    "texts": lambda: [f"{n:08}" * 128 for n in range(100_000)],
    "set": lambda: {f"item {n}" for n in range(2_000_000)},
    "one text": lambda: {"text": "some text, " * 10_000_000},
}


def _status_kb(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


async def _beat(gaps: list[float], done: threading.Event) -> None:
    last = time.perf_counter()
    while not done.is_set():
        await asyncio.sleep(BEAT_SECONDS)
        now = time.perf_counter()
        gaps.append(now - last)
        last = now


def _wait_for_blob(spool: Path, done: threading.Event) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < deadline and not list(spool.glob("data/*.data.bin")):
        time.sleep(0.05)
    done.set()


def _child(shape: str, spool: Path, seconds: float) -> None:
    recording = seconds == 0
    value = SHAPES[shape]()
    if recording:
        xray.configure(
            api_key="k", base_url="http://127.0.0.1:9", spool_dir=spool, max_spool_bytes=2_000_000_000,
            exit_timeout_seconds=0, batch_interval_seconds=0.2,
        )  # fmt: skip
    else:
        xray.configure(enabled=False)

    @xray.step
    def take(rows: Any) -> int:
        return len(rows)

    take([1])
    xray.flush(2)  # what sends is imported now
    collections: list[int] = []
    gc.callbacks.append(lambda phase, info: collections.append(info["generation"]) if phase == "stop" else None)
    gaps: list[float] = []
    call_ms: list[float] = []
    done = threading.Event()
    waiter = (
        threading.Thread(target=_wait_for_blob, args=(spool, done)) if recording else threading.Timer(seconds, done.set)
    )

    async def main() -> None:
        beat = asyncio.create_task(_beat(gaps, done))
        await asyncio.sleep(0.2)
        waiter.start()
        called = time.perf_counter()
        take(value)
        call_ms.append((time.perf_counter() - called) * 1e3)
        await beat

    base_kb = _status_kb("VmRSS")
    _forget_peak()
    began = time.perf_counter()
    asyncio.run(main())
    found = {
        "seconds": time.perf_counter() - began,
        "gap_ms": max(gaps) * 1e3,
        "call_ms": call_ms[0],
        "full_collections": collections.count(2),
        "growth_mb": (_status_kb("VmHWM") - base_kb) / 1e3,
        "object_mb": base_kb / 1e3,
    }
    if recording:
        (blob,) = spool.glob("data/*.data.bin")
        body = blob.read_bytes().partition(b"\n")[2]
        found["json_mb"] = len(body) / 1e6
        found["complete"] = len(json.loads(body)) == len(value)
    print(json.dumps(found))


def _run(shape: str, seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as spool:
        command = [sys.executable, __file__, "--child", shape, "--spool", spool, "--seconds", str(seconds)]
        return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def main() -> None:
    """Print a line for each shape: medians, and the worst gap of all runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--shape", choices=SHAPES)
    parser.add_argument("--child")
    parser.add_argument("--spool", type=Path)
    parser.add_argument("--seconds", type=float, default=0)
    options = parser.parse_args()
    if options.child:
        _child(options.child, options.spool, options.seconds)
        return
    print(
        f"{'shape':10} {'JSON MB':>8} {'complete':>9} {'seconds':>8} {'call ms':>8} {'gap ms':>8} {'worst':>8}", end=""
    )
    print(f" {'bare gap':>9} {'worst':>8} {'growth MB':>10}  full collections")
    for shape in [options.shape] if options.shape else SHAPES:
        recorded = [_run(shape, 0) for _ in range(options.runs)]
        middle = {name: statistics.median(run[name] for run in recorded) for name in recorded[0]}
        bare = [_run(shape, min(10.0, middle["seconds"])) for _ in range(options.runs)]
        gaps, bare_gaps = [run["gap_ms"] for run in recorded], [run["gap_ms"] for run in bare]
        print(f"{shape:10} {middle['json_mb']:8.1f} {all(run['complete'] for run in recorded)!s:>9}", end="")
        print(f" {middle['seconds']:8.1f} {middle['call_ms']:8.1f} {middle['gap_ms']:8.1f} {max(gaps):8.1f}", end="")
        print(f" {statistics.median(bare_gaps):9.1f} {max(bare_gaps):8.1f} {middle['growth_mb']:10.1f}", end="")
        print(f"  {[run['full_collections'] for run in recorded]}", flush=True)


if __name__ == "__main__":
    main()
