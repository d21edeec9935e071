"""Compares msgspec and orjson on the SDK's own work; docs/adr/0002-json-library.md says what follows from it.

python -m pip install orjson
python benchmarks/json_library.py
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

try:
    import orjson  # type: ignore[import-not-found, unused-ignore] # of no extra, see above
except ImportError:
    sys.exit("This comparison needs orjson, which the product does not: python -m pip install orjson")

ROUNDS = 21  # odd, so that the median is a measured round; each takes about 0.1 s
ROUND_SECONDS = 0.02  # long against the clock's resolution, short against the scheduler's other work


class StepEvent(msgspec.Struct):
    """A step as the server reads it: what is stored unread stays the bytes that came."""

    type: str
    stepId: str  # noqa: N815 - the wire's names
    traceId: str  # noqa: N815
    stepName: str  # noqa: N815
    stepNumber: int  # noqa: N815
    timestamp: float
    metadata: msgspec.Raw
    inputs: msgspec.Raw
    output: msgspec.Raw


class Task(NamedTuple):
    """One piece of work in both libraries."""

    name: str
    msgspec: Callable[[], object]
    orjson: Callable[[], object]


def tasks() -> list[Task]:
    """Return the work to compare."""
    encode = msgspec.json.Encoder().encode
    small = {"title": "Steel bottle", "count": 3, "score": 0.75}
    rows = [{"id": n, "name": f"product number {n}", "price": n * 1.5} for n in range(1_000)]
    text = "The quick brown fox. " * 50_000
    event = encode(_step_event(rows[:20]))
    decode = msgspec.json.Decoder(StepEvent).decode
    return [
        Task("encode a small dict", lambda: encode(small), lambda: orjson.dumps(small)),
        Task("encode 1,000 small dicts (53 kB)", lambda: encode(rows), lambda: orjson.dumps(rows)),
        Task("encode a 1 MB string", lambda: encode(text), lambda: orjson.dumps(text)),
        Task("keep a 1 MB string as it is", lambda: text.encode(), lambda: orjson.dumps(text)),
        Task("read a step, values left as bytes", lambda: decode(event), lambda: _read_with_orjson(event)),
    ]


def _step_event(rows: list[dict[str, Any]]) -> dict[str, Any]:
    summary = {"type": "list", "length": 20, "bytes": 1_060}
    return {
        "type": "step", "stepId": "a" * 32, "traceId": "b" * 32, "stepName": "rank", "stepNumber": 3,
        "timestamp": 1768150153243.5, "metadata": {"model": "v3", "candidates": rows},
        "inputs": {"candidates": summary, "limit": {"type": "int", "bytes": 2, "value": 10}}, "output": summary,
    }  # fmt: skip


def _read_with_orjson(event: bytes) -> tuple[bytes, bytes, bytes]:
    """Read the same: orjson has no raw values, so what is stored unread is encoded again."""
    found = orjson.loads(event)
    return orjson.dumps(found["metadata"]), orjson.dumps(found["inputs"]), orjson.dumps(found["output"])


def measure(task: Task) -> tuple[float, float, float]:
    """Return the medians in microseconds, and the median of each round's ratio msgspec : orjson."""
    calls = [max(1, int(ROUND_SECONDS / _seconds(work, 10))) for work in (task.msgspec, task.orjson)]
    rounds: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        works = [(0, task.msgspec), (1, task.orjson)]
        taken = [0.0, 0.0]
        for index, work in works if number % 2 else reversed(works):  # neither always runs in the other's warmth
            taken[index] = _seconds(work, calls[index])
        rounds.append((taken[0], taken[1]))
    ours, theirs = (statistics.median(pair[side] for pair in rounds) for side in (0, 1))
    return ours * 1e6, theirs * 1e6, statistics.median(a / b for a, b in rounds)


def _seconds(work: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - started) / calls


def main() -> None:
    """Print one line a task."""
    print(f"msgspec {msgspec.__version__}, orjson {orjson.__version__}, Python {sys.version.split()[0]}")
    print(f"{'medians of ' + str(ROUNDS) + ' paired rounds':36s} {'msgspec µs':>11s} {'orjson µs':>11s} {'ratio':>7s}")
    for task in tasks():
        ours, theirs, ratio = measure(task)
        print(f"{task.name:36s} {ours:11.2f} {theirs:11.2f} {ratio:7.2f}")


if __name__ == "__main__":
    main()
