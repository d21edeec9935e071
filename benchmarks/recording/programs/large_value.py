"""What a large value does to a program with an event loop that must beat every millisecond.

python -m recording.programs.large_value MEGABYTES KEPT_IN
"""

import asyncio
import gc
import sys
import time
from pathlib import Path

import msgspec

import xray_trace
from recording.programs.memory import peak_bytes, reset_peak, resident_bytes
from recording.tools.tool import DRAIN_SECONDS

BEAT_SECONDS = 0.001
QUIET_SECONDS = 2.0  # of beating before the call, which tells what the machine's own noise is
LEAF_BYTES = 114  # of JSON, about
LEAVES = 100  # in a branch


class Outcome(msgspec.Struct):
    """What the program saw."""

    quiet_gap_ms: float
    """The longest gap between two beats while nothing was recorded."""
    gap_ms: float
    """The longest while the value was recorded, encoded and sent."""
    call_ms: float
    growth_bytes: int
    seconds: float
    """Until all was delivered."""
    complete: bool
    """Whether the sink has the value, whole."""
    json_bytes: int


def build(megabytes: int) -> dict[str, list[dict[str, object]]]:
    """Return a nested value of so many megabytes of JSON."""
    branches = megabytes * 1_000_000 // (LEAF_BYTES * LEAVES)
    return {f"branch-{branch}": [_leaf(branch * LEAVES + leaf) for leaf in range(LEAVES)] for branch in range(branches)}


def _leaf(number: int) -> dict[str, object]:
    size = {"width": number % 97, "height": number % 89}
    return {
        "id": number,
        "name": f"product-{number:09}",
        "price": number / 4,
        "tags": ["steel", "bottle"],
        "size": size,
    }


@xray_trace.step
def take(value: object) -> int:
    """Do nothing with the value."""
    return 0


async def beat(gaps: list[float]) -> None:
    """Beat for ever, and write down the longest gap between two beats."""
    last = time.perf_counter()
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        now = time.perf_counter()
        gaps[-1] = max(gaps[-1], now - last)
        last = now


async def main(megabytes: int, kept_in: Path) -> Outcome:
    """Beat, record, wait for the delivery, compare."""
    value = build(megabytes)
    xray_trace.step(_leaf)(0)  # starts what the first step starts
    await asyncio.to_thread(xray_trace.flush, DRAIN_SECONDS)
    gc.collect()
    gaps = [0.0]
    beating = asyncio.create_task(beat(gaps))
    await asyncio.sleep(QUIET_SECONDS)
    gaps.append(0.0)
    before = resident_bytes()
    reset_peak()
    began = time.perf_counter()
    take(value)
    call_seconds = time.perf_counter() - began
    await asyncio.to_thread(xray_trace.flush, DRAIN_SECONDS)
    seconds = time.perf_counter() - began
    growth = peak_bytes() - before
    beating.cancel()
    kept = max(kept_in.iterdir(), key=lambda path: path.stat().st_size, default=None)
    body = kept.read_bytes() if kept else b"null"
    complete = msgspec.json.decode(body) == value
    return Outcome(gaps[0] * 1e3, gaps[1] * 1e3, call_seconds * 1e3, growth, seconds, complete, len(body))


if __name__ == "__main__":
    print(msgspec.json.encode(asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))).decode())
