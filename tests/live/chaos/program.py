"""Records traces until its input ends; says on its output what has returned, and at last how its books stand."""

import os
import sys
import threading
import time

import msgspec

import xray_trace as xray
from tests.live.chaos.labels import content_of, status_of

PACE_SECONDS = 0.5  # between two traces: about as many steps as can be counted afterwards in reasonable time
STEPS = 4
FLUSH_SECONDS = 10.0

stopping = threading.Event()


@xray.step(metadata=lambda bound, result: {"run": bound["label"].partition("/")[0], "label": bound["label"]})
def work(label: str, payload: bytes) -> int:
    return len(payload)


def tell(**what: object) -> None:
    """Write a line, which outlives the program, as the record must."""
    line = msgspec.json.encode(what) + b"\n"
    while line:
        line = line[os.write(1, line) :]


def record_one(label: str, status: str) -> None:
    """Record a trace whose steps tell their labels."""
    before = time.time()
    with xray.trace("chaos", metadata={"run": label.partition("/")[0], "label": label}) as trace:
        for number in range(STEPS):
            step = f"{label}/{number}"
            work(step, content_of(step))
            tell(step=step, traceId=trace.trace_id)
        trace.annotate(annotated=label)
        (trace.success if status == "success" else trace.failure)(ended=label)
    tell(trace=label, traceId=trace.trace_id, status=status, before=before, after=time.time())


def wait_for_the_end() -> None:
    """Hear that the input has ended."""
    sys.stdin.read()
    stopping.set()


def main(name: str) -> None:
    threading.Thread(target=wait_for_the_end, daemon=True).start()
    number = 0
    while not stopping.wait(PACE_SECONDS):
        record_one(f"{name}/{number}", status_of(number))
        number += 1
    while xray.flush(FLUSH_SECONDS).pending:  # whoever started it has a deadline
        pass
    tell(books=xray.stats())


if __name__ == "__main__":
    main(*sys.argv[1:])
