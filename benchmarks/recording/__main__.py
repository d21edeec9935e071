"""Measures the rows that are asked for, and prints each line when it is known."""

import argparse
import os
import sys
from importlib.metadata import version

from recording.bench import Bench
from recording.kept_rows import KEPT_ROWS
from recording.sink_process import SinkProcess
from recording.table import heading, show
from recording.timed_rows import TIMED_ROWS

ROWS = {row.name: row for row in [*TIMED_ROWS, *KEPT_ROWS]}
DAY_STEPS = 5_000_000
SHORT_DAY_STEPS = 500_000  # where the day was not asked for by its name: a minute or two
QUICK_DAY_STEPS = 4_000
PACKAGES = ("opentelemetry-sdk", "ddtrace", "langfuse", "wrapt", "msgspec")


def main() -> int:
    """Measure and print; exit status 1 says that a bar is not met."""
    options = _options()
    print(f"Python {sys.version.split()[0]}, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{options.rounds} round(s); ratios: median (quartiles); rounds: median (lowest to highest)\n")
    print(heading())
    met = True
    with SinkProcess() as sink:
        bench = Bench(sink, options.rounds, options.quick, options.day_steps)
        for name in options.rows or ROWS:
            for line in ROWS[name].measure(bench):
                print(show(line), flush=True)
                met &= line.is_met is not False
    return 0 if met else 1


def _options() -> argparse.Namespace:
    rows = "\n".join(f"  {row.name:10} {row.what}" for row in ROWS.values())
    parser = argparse.ArgumentParser(
        prog="record.py", epilog=f"rows:\n{rows}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="which rows to measure; all where none is named")
    # 5: a median that two disturbed rounds cannot move, in a quarter of an hour for all rows.
    parser.add_argument("--rounds", type=int, help="how often each tool is measured, in turn (5)")
    parser.add_argument("--quick", action="store_true", help="one small round of everything, to see that it works")
    parser.add_argument("--day-steps", type=int, help=f"how long the day is ({DAY_STEPS:,} for `record.py day`)")
    options = parser.parse_args()
    unknown = [name for name in options.rows if name not in ROWS]
    if unknown:
        parser.error(f"there is no row {unknown[0]!r}")
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.day_steps = options.day_steps or _day_steps(options)
    return options


def _day_steps(options: argparse.Namespace) -> int:
    if options.quick:
        return QUICK_DAY_STEPS
    return DAY_STEPS if "day" in options.rows else SHORT_DAY_STEPS


if __name__ == "__main__":
    sys.exit(main())
