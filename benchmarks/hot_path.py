"""Where the time of a recorded call goes, beside the least that could do it; the figures of docs/adr/0008-recording.md.

Processor time of the caller's thread. Each line is measured in short bursts, with pauses in which the background comes
to rest; all lines in turn, round after round; the median of the rounds' best is shown. The server is away.
"""

import contextvars
import itertools
import mmap
import os
import statistics
import struct
import tempfile
import time
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

import xray_trace
from xray_trace.capture.probe import look_at
from xray_trace.context import get_scope, set_scope
from xray_trace.decorators.step_activity import StepActivity, StepCall
from xray_trace.default import get_recorder
from xray_trace.events import Record, StepEvent, encode_record
from xray_trace.recorder.options import StepOptions

ROUNDS = 15
BURSTS = 6  # a round, of which the best counts
CALLS = 200  # a burst: over before the background has anything to do
PAUSE_SECONDS = 0.002

FLOOR_JOURNAL_BYTES = 1 << 26
TRACE_ID = "d2bf0052-a91c-4f80-a30e-361e1b93ad6f"

Action = Callable[[], object]


def work(title: str, number: int) -> dict[str, object]:
    """Do nothing: what is measured is the recording."""
    return {"id": number, "score": 0.5}


class Floor:
    """The least that could record such a call: ids, clocks, context, JSON of both, one append, in one function."""

    def __init__(self) -> None:
        self._scope: contextvars.ContextVar[Any] = contextvars.ContextVar("floor", default=None)
        self._process = os.urandom(8).hex()
        self._count = itertools.count(10**15).__next__
        self._journal = mmap.mmap(-1, FLOOR_JOURNAL_BYTES)
        self._header = struct.Struct("<4sII").pack
        self._to_json = msgspec.json.Encoder().encode
        self._to_record = msgspec.msgpack.Encoder().encode

    def call(self, title: str, number: int) -> dict[str, object]:
        """Call the function and record it."""
        former = self._scope.get()
        step_id, at_seconds, began = self._process + str(self._count()), time.time(), time.perf_counter()
        inputs = self._to_json((title, number))
        self._scope.set(step_id)
        try:
            result = work(title, number)
        finally:
            self._scope.set(former)
        output, seconds = self._to_json(result), time.perf_counter() - began
        payload = self._to_record((TRACE_ID, step_id, "work", 1, at_seconds, seconds, inputs, output))
        self._journal.write(self._header(b"XRAY", len(payload), zlib.crc32(payload)) + payload)
        return result

    def tidy(self) -> None:
        """Begin the journal anew."""
        self._journal.seek(0)


def actions(floor: Floor) -> dict[str, Action]:
    """Return what is measured, by its title."""
    recorded = xray_trace.step(work)
    recorded("Steel bottle", 1), recorded("Steel bottle", 2)  # which learns the names
    recorder = get_recorder()
    assert recorder is not None, "an API key was given"
    core, options = recorder.core, StepOptions()
    activity = StepActivity(work, options, "work")
    arguments, result = ("Steel bottle", 7), work("Steel bottle", 7)
    take = core.capturer.take_plain
    call = recorder.start_step("work", options, StepCall)
    parts = [take(name, "input", value, False) for name, value in zip(("title", "number"), arguments, strict=True)]
    event = StepEvent("step", call.step_id, "work", 1, 1768154113.25, 0.001, None, b"{}")
    record = Record(TRACE_ID, event, [part for part in parts if part is not None])
    rows = [{"id": number, "name": f"product-{number:05}", "price": 2.5, "run": 1} for number in range(1000)]

    def begin() -> None:
        run = activity.begin(None, arguments, {})
        assert isinstance(run, StepCall)
        core.running.end_step(run.step_id)

    def scopes() -> None:
        former = get_scope()
        set_scope(call)
        set_scope(former)

    return {
        "the least that could do it": lambda: floor.call("Steel bottle", 7),
        "a recorded call": lambda: recorded("Steel bottle", 7),
        "- making the scope current, and putting it back": scopes,
        "- beginning, with both arguments": begin,
        "  - an argument, of the two": lambda: take("title", "input", "Steel bottle", False),
        "- the result, a small dict": lambda: take("return", "output", result, False),
        "- the record, into the journal": lambda: core.put(record, True),
        "  - as MessagePack": lambda: encode_record(record),
        "1,000 small dicts: looking at them": lambda: look_at(rows),
        "1,000 small dicts: asking for the types alone": lambda: [
            type(value) for row in rows for value in row.values()
        ],
        "1,000 small dicts: encoding them": lambda: msgspec.json.encode(rows),
    }


def microseconds(action: Action, calls: int) -> float:
    """Return what a call takes in the best of some bursts."""
    best = float("inf")
    for _ in range(BURSTS):
        began = time.thread_time()
        for _ in range(calls):
            action()
        best = min(best, (time.thread_time() - began) / calls * 1e6)
        time.sleep(PAUSE_SECONDS)
    return best


def main() -> None:
    """Measure all and print the table."""
    with tempfile.TemporaryDirectory(prefix="xray-bench-", ignore_cleanup_errors=True) as folder:
        xray_trace.configure(api_key="none", base_url="http://127.0.0.1:9", spool_dir=folder, max_spool_bytes=2**31)
        floor = Floor()
        with xray_trace.trace("hot path"):
            found: dict[str, list[float]] = {title: [] for title in actions(floor)}
            for _ in range(ROUNDS):
                for title, action in actions(floor).items():
                    found[title].append(microseconds(action, CALLS // 40 if "1,000" in title else CALLS))
                    floor.tidy()
        xray_trace.shutdown(0)
    for title, times in found.items():
        print(f"{title:52} {statistics.median(times):8.2f} µs")


if __name__ == "__main__":
    main()
