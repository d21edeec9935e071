"""What a burst of steps does to the memory, and to what is kept.

python -m recording.programs.burst OPTIONS
"""

import sys

import msgspec

import xray_trace
from recording.programs.memory import peak_bytes, reset_peak, resident_bytes
from recording.programs.work import WORKS

WARM_UP_STEPS = 2000  # enough for two journals, a packed batch and a connection


class Options(msgspec.Struct):
    """So many steps, one after another."""

    steps: int
    flush_seconds: float
    """How long the program waits at its end for what is sent; the rest stays on disk."""


class Burst(msgspec.Struct):
    """What the program saw."""

    steps: int
    growth_bytes: int
    """The highest memory during the burst and the flush, over what it was before."""
    dropped: int
    pending: int


def main(options: Options) -> Burst:
    """Record, and send what can be sent in time."""
    function = xray_trace.step(WORKS["small"].function)
    with xray_trace.trace("burst"):
        for number in range(WARM_UP_STEPS):
            function("Steel bottle", number)
        before = resident_bytes()
        reset_peak()
        for number in range(options.steps - WARM_UP_STEPS):
            function("Steel bottle", number)
    xray_trace.flush(options.flush_seconds)
    growth = peak_bytes() - before
    now = xray_trace.stats()
    return Burst(options.steps, growth, sum(now.dropped.values()), now.pending)


if __name__ == "__main__":
    print(msgspec.json.encode(main(msgspec.json.decode(sys.argv[1], type=Options))).decode(), flush=True)
