"""Records traces between two lines of its input; says on its output what has returned, and then how its books stand."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count

import msgspec

import xray_trace as xray
from tests.live.chaos.labels import content_of, is_doomed, status_of

STEPS = 4
DOOMED_SECONDS = 1.0  # a step of a trace that is deleted meanwhile: some come before that, and some after it
FLUSH_SECONDS = 10.0


@xray.step(metadata=lambda bound, result: {"run": bound["label"].partition("/")[0], "label": bound["label"]})
def work(label: str, payload: bytes) -> int:
    return len(payload)


def tell(**what: object) -> None:
    """Write a line, which outlives the program, as the record must."""
    line = msgspec.json.encode(what) + b"\n"
    while line:
        line = line[os.write(1, line) :]


def record_one(label: str, status: str, pace_seconds: float) -> None:
    """Record a trace whose steps tell their labels."""
    before = time.time()
    with xray.trace("chaos", metadata={"run": label.partition("/")[0], "label": label}) as trace:
        for number in range(STEPS):
            step = f"{label}/{number}"
            work(step, content_of(step))
            tell(step=step, traceId=trace.trace_id)
            time.sleep(pace_seconds)
        trace.annotate(annotated=label)
        (trace.success if status == "success" else trace.failure)(ended=label)
    tell(trace=label, traceId=trace.trace_id, status=status, before=before, after=time.time())


def record(name: str, pace_seconds: float, numbers: Iterator[int], resting: threading.Event) -> None:
    """Record one trace after another; those that are to be deleted take their time beside the others."""
    doomed = []
    while not resting.wait(pace_seconds):
        number = next(numbers)
        label, status = f"{name}/{number}", status_of(number)
        if is_doomed(number):
            doomed.append(threading.Thread(target=record_one, args=(label, status, DOOMED_SECONDS)))
            doomed[-1].start()
        else:
            record_one(label, status, 0)
    for thread in doomed:
        thread.join()


def main(name: str, pace_seconds: str) -> None:
    numbers = count()
    while sys.stdin.readline():
        resting = threading.Event()
        recorder = threading.Thread(target=record, args=(name, float(pace_seconds), numbers, resting))
        recorder.start()
        sys.stdin.readline()
        resting.set()
        recorder.join()
        while xray.flush(FLUSH_SECONDS).pending:  # whoever started it has a deadline
            pass
        tell(books=xray.stats())


if __name__ == "__main__":
    main(*sys.argv[1:])
