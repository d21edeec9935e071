"""What nearly every test of the export side needs: exporters on one spool, records, and a look at the books."""

import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import msgspec

from xray_trace.config import Config
from xray_trace.events import Part, Record, StepEvent
from xray_trace.export.exporter import Exporter
from xray_trace.export.inspection import spool_entries
from xray_trace.stats import Stats

ROOT = Path(__file__).parents[3]


def step(step_id: str, *parts: Part, trace_id: str = "trace") -> Record:
    return Record(trace_id, StepEvent("step", step_id, "s", 1, 0.001), list(parts))


def part(body: bytes, key: str = "value", role: str | None = "input") -> Part:
    summary = msgspec.json.encode({"type": "bytes", "length": len(body), "bytes": len(body)})
    return Part(key, role, "application/octet-stream", body, summary, b"{}")


def wait_until(condition, seconds: float = 20.0, what: str = "the condition"):
    deadline = time.monotonic() + seconds
    tick = threading.Event()
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come about in {seconds} s"
        tick.wait(0.01)
    return value


class Bench:
    def __init__(self, url: str, spool_dir: Path) -> None:
        self.url = url
        self.spool_dir = spool_dir
        self._made: list[tuple[Exporter, Stats]] = []

    def config(self, **options) -> Config:
        chosen = {"api_key": "key-1", "base_url": self.url, "spool_dir": self.spool_dir, **options}
        return Config(**chosen)

    def exporter(self, **options) -> tuple[Exporter, Stats]:
        stats = Stats()
        exporter = Exporter(self.config(**options), stats)
        self._made.append((exporter, stats))
        return exporter, stats

    def files(self, pattern: str = "*/*") -> list[str]:
        return sorted(str(path.relative_to(self.spool_dir)) for path in self.spool_dir.glob(pattern))

    def waiting(self, **options) -> int:
        """How many items lie in the spool for this destination."""
        config = self.config(**options)
        kinds = {"batch", "blob", "journal"}
        entries = spool_entries(config)
        return sum(e.events for e in entries if e.kind in kinds and e.destination == config.destination)

    def close(self) -> None:
        for exporter, stats in self._made:
            exporter.shutdown(0.5)
            assert stats.snapshot().swallowed == 0, exporter._guard.last

    def program(self, source: str, *arguments: str, **options) -> subprocess.Popen:
        """Start a program that has `exporter`, `stats`, `step`, `part` and `config` at hand."""
        head = f"""
            import os, sys, time, signal, threading
            sys.path.insert(0, {str(ROOT)!r})
            from pathlib import Path
            from xray_trace.config import Config
            from xray_trace.stats import Stats
            from xray_trace.events import ContentStream, LateValue, Part, Record
            from xray_trace.export.exporter import Exporter
            from tests.trace.export.bench import part, step
            config = Config(api_key="key-1", **{ ({"base_url": self.url, **options})!r}, spool_dir=Path({str(self.spool_dir)!r}))
            stats = Stats()
            exporter = Exporter(config, stats)
        """  # noqa: E501
        code = textwrap.dedent(head) + textwrap.dedent(source)
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )


def finished(program: subprocess.Popen, seconds: float = 60.0) -> str:
    """Wait for the program's end and return what it printed; it must have ended well and quietly."""
    try:
        out, err = program.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        program.kill()
        out, err = program.communicate()
        raise AssertionError(f"the program hung; it said {out!r} {err!r}") from None
    assert (program.returncode, err.decode()) == (0, ""), err.decode()
    return out.decode()


def assert_adds_up(stats: Stats) -> None:
    now = stats.snapshot()
    gone = now.delivered + now.pending + sum(now.dropped.values()) + now.handed_over
    assert now.recorded + now.adopted == gone
    assert now.pending >= 0
