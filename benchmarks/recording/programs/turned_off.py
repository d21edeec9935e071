"""What a decorated call costs where tracing was turned off after the decoration.

python -m recording.programs.turned_off OPTIONS
"""

import statistics
import sys
import time

import msgspec

import xray_trace
from recording.programs.calls import Costs, Options
from recording.programs.work import WORKS


def main(options: Options) -> Costs:
    """Measure calls of a function that was recorded a moment ago."""
    work = WORKS[options.work]
    function = xray_trace.step(work.function)
    arguments = work.arguments(options.calls)
    function(*arguments[0])
    xray_trace.configure(enabled=False)
    walls = []
    for _ in range(options.bursts):
        began = time.perf_counter()
        for each in arguments:
            function(*each)
        walls.append(time.perf_counter() - began)
    return Costs(statistics.median(walls) / options.calls * 1e6, 0.0)


if __name__ == "__main__":
    print(msgspec.json.encode(main(msgspec.json.decode(sys.argv[1], type=Options))).decode())
