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
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

LIMIT_MS = 50.0
BASE = "python -c pass"
STATEMENTS = {
    BASE: "pass",
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


@dataclass(frozen=True)
class Cost:
    """What one start of an interpreter took, by the clock and of the processor."""

    wall_ms: float
    cpu_ms: float


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # 21: a median that one slow run in ten cannot move, in half a minute.
    parser.add_argument("--runs", type=int, default=21)
    count = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="xray-bench-") as bytecode:
        environment = _environment(bytecode)
        runs = _measured(count, environment)
        _print_times(runs)
        effects = _effects(environment)
    clean = not any(effects[name] for name in effects if name != "asyncio")
    cheap = _more(runs, "import xray_trace", lambda cost: cost.wall_ms) <= LIMIT_MS
    print(f"\nlimit {LIMIT_MS:.0f} ms: {'kept' if cheap else 'EXCEEDED'}; side effects: {'none' if clean else 'SOME'}")
    return 0 if clean and cheap else 1


def _environment(bytecode: str) -> dict[str, str]:
    """Return an environment in which modules are compiled once, as an installer does, whatever this shell says."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": bytecode}


def _measured(count: int, environment: Mapping[str, str]) -> dict[str, list[Cost]]:
    """Return the costs of each statement, run by run; a first round fills the caches and is not kept."""
    costs: dict[str, list[Cost]] = {name: [] for name in STATEMENTS}
    for run in range(count + 1):
        for name, statement in STATEMENTS.items():
            cost = _started(statement, environment)
            if run:
                costs[name].append(cost)
    return costs


def _started(statement: str, environment: Mapping[str, str]) -> Cost:
    started = time.perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", statement], environment)
    _, status, usage = os.wait4(child, 0)
    wall_ms = (time.perf_counter() - started) * 1000
    if status:
        raise SystemExit(f"`{statement}` failed")
    return Cost(wall_ms, (usage.ru_utime + usage.ru_stime) * 1000)


def _more(runs: dict[str, list[Cost]], name: str, of: Callable[[Cost], float]) -> float:
    """Return the median of what a statement costs more than `pass` beside it."""
    return statistics.median(of(cost) - of(base) for cost, base in zip(runs[name], runs[BASE], strict=True))


def _print_times(runs: dict[str, list[Cost]]) -> None:
    print(
        f"Python {sys.version.split()[0]}, wrapt {version('wrapt')}, msgspec {version('msgspec')}, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{len(runs[BASE])} paired runs, medians in ms\n")
    print(f"{'':20}{'clock':>8}{'lowest':>8}{'more than pass':>16}{'ratio':>7}{'processor':>11}{'more than pass':>16}")
    base_ms = statistics.median(cost.wall_ms for cost in runs[BASE])
    for name, costs in runs.items():
        wall_ms = [cost.wall_ms for cost in costs]
        cpu_ms = statistics.median(cost.cpu_ms for cost in costs)
        more_wall, more_cpu = _more(runs, name, lambda cost: cost.wall_ms), _more(runs, name, lambda cost: cost.cpu_ms)
        whole = statistics.median(wall_ms)
        print(
            f"{name:20}{whole:8.1f}{min(wall_ms):8.1f}{more_wall:16.1f}{whole / base_ms:7.2f}"
            f"{cpu_ms:11.1f}{more_cpu:16.1f}"
        )


def _effects(environment: Mapping[str, str]) -> dict[str, object]:
    """Return what an import did beside importing."""
    probe = subprocess.run([sys.executable, "-c", PROBE], check=True, capture_output=True, text=True, env=environment)
    effects: dict[str, object] = json.loads(probe.stdout)
    print("\nafter import xray_trace:")
    for name, value in effects.items():
        print(f"  {name:36}{value if value else 'none' if isinstance(value, list) else value}")
    return effects


if __name__ == "__main__":
    sys.exit(main())
