"""Start the servers, and measure the rows that were asked for."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from cluster.consuming import measure_consuming
from cluster.ingesting import measure_ingesting
from cluster.querying import measure_querying
from cluster.topology import Topology
from cluster.visibility import measure_visibility

ROWS = ("ingest", "consume", "visible", "query")


def main() -> int:
    """Run the rows, each on servers of its own."""
    parser = argparse.ArgumentParser(prog="python benchmarks/backend.py")
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="all, unless some are named")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=100_000, help="of a round of ingest")
    parser.add_argument("--backlog", type=int, default=200_000, help="steps that wait for the consumer")
    parser.add_argument("--steps", type=int, default=100_000, help="steps that the questions look through")
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores", flush=True)
    measures: dict[str, Callable[[Topology], None]] = {
        "ingest": lambda topology: measure_ingesting(topology, options.rounds, options.events),
        "consume": lambda topology: measure_consuming(topology, options.backlog),
        "visible": measure_visibility,
        "query": lambda topology: measure_querying(topology, options.steps),
    }
    for row in options.rows or ROWS:
        with tempfile.TemporaryDirectory(prefix="xray-bench-") as folder, Topology(Path(folder)) as topology:
            measures[row](topology)
    return 0


if __name__ == "__main__":
    sys.exit(main())
