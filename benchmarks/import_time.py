"""What `import xray_trace` costs a program: time in a fresh interpreter, and what it starts or opens.

    python benchmarks/import_time.py [--runs 21]

Each run starts an interpreter that imports nothing and, right beside it, one for each import; the difference
within a run is what counts, so that a busy machine slows both. Exit status 1 says that the import costs more than
50 ms, or that it started a thread, wrote a file, opened a socket, left a descriptor open, or imported aiohttp.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from importlib.metadata import version

LIMIT_MS = 50.0
STATEMENTS = {
    "python -c pass": "pass",
    "import msgspec": "import msgspec",
    "import wrapt": "import wrapt",
    "import asyncio": "import asyncio",
    "import xray_trace": "import xray_trace",
}

PROBE = """
import json, os, sys, threading
seen = []
def watch(event, arguments):
    if event.startswith("socket."):
        seen.append(event)
    elif event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen.append(f"wrote {arguments[0]}")
    elif event in ("os.mkdir", "os.fork", "subprocess.Popen"):
        seen.append(event)
open_before = set(os.listdir("/dev/fd"))
threads_before = threading.active_count()
sys.addaudithook(watch)
import xray_trace
print(json.dumps({
    "threads": threading.active_count() - threads_before,
    "descriptors": len(set(os.listdir("/dev/fd")) - open_before),
    "files written, sockets, processes": seen,
    "aiohttp": "aiohttp" in sys.modules,
    "asyncio": "asyncio" in sys.modules,
}))
"""


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # 21: a median that one slow run in ten cannot move, in half a minute.
    parser.add_argument("--runs", type=int, default=21)
    runs = _measured(parser.parse_args().runs)
    costs = {
        name: statistics.median(cost - base for cost, base in zip(times, runs["python -c pass"], strict=True))
        for name, times in runs.items()
    }
    _print_times(runs, costs)
    effects = _effects()
    clean = not any(effects[name] for name in effects if name != "asyncio")
    cheap = costs["import xray_trace"] <= LIMIT_MS
    print(f"\nlimit {LIMIT_MS:.0f} ms: {'kept' if cheap else 'EXCEEDED'}; side effects: {'none' if clean else 'SOME'}")
    return 0 if clean and cheap else 1


def _measured(count: int) -> dict[str, list[float]]:
    """Return the milliseconds of each statement, run by run; a first round fills the caches and is not kept."""
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for run in range(count + 1):
        for name, statement in STATEMENTS.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], check=True)
            if run:
                times[name].append((time.perf_counter() - started) * 1000)
    return times


def _print_times(runs: dict[str, list[float]], costs: dict[str, float]) -> None:
    print(
        f"Python {sys.version.split()[0]}, wrapt {version('wrapt')}, msgspec {version('msgspec')}, "
        f"{os.cpu_count()} cores"
    )
    print(f"{len(runs['python -c pass'])} paired runs, medians in ms\n")
    print(f"{'':22}{'whole':>9}{'lowest':>9}{'more than pass':>16}{'ratio':>8}")
    base = statistics.median(runs["python -c pass"])
    for name, times in runs.items():
        whole = statistics.median(times)
        print(f"{name:22}{whole:9.1f}{min(times):9.1f}{costs[name]:16.1f}{whole / base:8.2f}")


def _effects() -> dict[str, object]:
    """Return what an import did beside importing."""
    probe = subprocess.run([sys.executable, "-c", PROBE], check=True, capture_output=True, text=True)
    effects: dict[str, object] = json.loads(probe.stdout)
    print("\nafter import xray_trace:")
    for name, value in effects.items():
        print(f"  {name:36}{value if value else 'none' if isinstance(value, list) else value}")
    return effects


if __name__ == "__main__":
    sys.exit(main())
