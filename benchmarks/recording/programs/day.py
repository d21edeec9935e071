"""What recording for long does to the memory: chunks of steps, all sent after each.

python -m recording.programs.day OPTIONS
"""

import sys

import msgspec

import xray_trace
from recording.programs.memory import resident_bytes
from recording.programs.work import WORKS
from recording.tools.tool import DRAIN_SECONDS


class Options(msgspec.Struct):
    """So many chunks of so many steps, each chunk a trace."""

    chunks: int
    steps: int


class Day(msgspec.Struct):
    """The memory after each chunk."""

    resident_bytes: list[int]
    dropped: int
    pending: int


def main(options: Options) -> Day:
    """Record and send."""
    function = xray_trace.step(WORKS["small"].function)
    residents = []
    for _ in range(options.chunks):
        with xray_trace.trace("chunk"):
            for number in range(options.steps):
                function("Steel bottle", number)
        xray_trace.flush(DRAIN_SECONDS)
        residents.append(resident_bytes())
    now = xray_trace.stats()
    return Day(residents, sum(now.dropped.values()), now.pending)


if __name__ == "__main__":
    print(msgspec.json.encode(main(msgspec.json.decode(sys.argv[1], type=Options))).decode())
