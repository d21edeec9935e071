"""BaseTracer, the interface of the architecture, and Tracer, which sends what it records to a server."""

import atexit
import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping

from xray_trace.capture.capturer import Capturer
from xray_trace.config import Config, load_config
from xray_trace.export.exporter import Exporter
from xray_trace.export.loading import prepare_loading
from xray_trace.guard import Guard
from xray_trace.log import write_log
from xray_trace.recorder.core import RecorderCore
from xray_trace.recorder.recorder import Recorder
from xray_trace.recorder.running_scopes import RunningScopes
from xray_trace.recorder.trace import NO_TRACE, Trace
from xray_trace.stats import FlushResult, Stats, StatsSnapshot

__all__ = ["FLUSH_TIMEOUT_SECONDS", "BaseTracer", "NoopTracer", "Tracer"]

FLUSH_TIMEOUT_SECONDS = 10.0  # long enough for a few retries, short enough for a script's end


class BaseTracer(ABC):
    """Makes traces. No method raises; each does nothing where tracing is off."""

    @property
    @abstractmethod
    def recorder(self) -> Recorder | None:
        """Return what the decorators record with; None where nothing is recorded."""

    def create_trace(
        self,
        metadata: Mapping[str, object] | None = None,
        *,
        name: str | None = None,
        trace_id: str | None = None,
    ) -> Trace:
        """Begin a trace that the caller ends with `success` or `failure`."""
        recorder = self.recorder
        if recorder is None or sys.is_finalizing():  # see `RecorderCore.put`
            return NO_TRACE
        with recorder.core.guard.around("starting a trace"):
            return recorder.start_trace(name if isinstance(name, str) else None, metadata, trace_id=trace_id)
        return NO_TRACE

    @abstractmethod
    def flush(self, timeout_seconds: float = FLUSH_TIMEOUT_SECONDS) -> FlushResult:
        """Send what was recorded; return when it is delivered, or at the deadline."""

    @abstractmethod
    def shutdown(self, timeout_seconds: float | None = None) -> FlushResult:
        """Flush and stop; what cannot be sent by the deadline stays on disk. Idempotent."""

    @abstractmethod
    def stats(self) -> StatsSnapshot:
        """Return where everything is that was recorded."""


class NoopTracer(BaseTracer):
    """Records nothing."""

    @property
    def recorder(self) -> Recorder | None:
        """Return None."""
        return None

    def flush(self, timeout_seconds: float = FLUSH_TIMEOUT_SECONDS) -> FlushResult:
        """Return at once."""
        return FlushResult(0, 0)

    def shutdown(self, timeout_seconds: float | None = None) -> FlushResult:
        """Return at once."""
        return FlushResult(0, 0)

    def stats(self) -> StatsSnapshot:
        """Return zeros."""
        return Stats().snapshot()


class Tracer(BaseTracer):
    """Records to the local disk and sends to a server from one background thread.

    The options are those of `docs/settings.md`. A tracer without an API key records nothing and says so in one
    log line.
    """

    def __init__(self, **options: object) -> None:
        prepare_loading()  # before the settings, which are read with imports of their own
        self.config: Config = load_config(options)
        self._stats = Stats()
        self._running = RunningScopes()
        self._exporter = Exporter(self.config, self._stats, self._running)
        self._recorder: Recorder | None = None
        for line in self.config.warnings:
            _log_from_a_thread(line)
        if self.config.enabled and self.config.api_key is None:
            _log_from_a_thread("no API key is set (XRAY_API_KEY, or configure(api_key=…)): nothing is recorded")
        elif self.config.enabled:
            self._recorder = self._compose()
            _tracers.append(self)

    def __repr__(self) -> str:
        """Show the destination, never the key."""
        return f"<xray_trace.Tracer {self.config.base_url} {'on' if self._recorder else 'off'}>"

    @property
    def recorder(self) -> Recorder | None:
        """Return what the decorators record with; None where tracing is off."""
        return self._recorder

    def flush(self, timeout_seconds: float = FLUSH_TIMEOUT_SECONDS) -> FlushResult:
        """Send what was recorded; return when it is delivered, or at the deadline."""
        return self._exporter.flush(timeout_seconds) if self._recorder else FlushResult(0, 0)

    def shutdown(self, timeout_seconds: float | None = None) -> FlushResult:
        """Flush and stop; what cannot be sent by the deadline stays on disk. Idempotent."""
        if self._recorder is None:
            return FlushResult(0, 0)
        return self._exporter.shutdown(self.config.exit_timeout_seconds if timeout_seconds is None else timeout_seconds)

    def stats(self) -> StatsSnapshot:
        """Return where everything is that was recorded."""
        return self._stats.snapshot()

    def miss(self, count: int, reason: str) -> None:
        """Count what would have been recorded, had this tracer been there."""
        if count and self._recorder is not None:
            self._stats.record(count)
            self._stats.drop(reason, count)

    def after_fork_in_child(self) -> None:
        """Start anew in a fork's child: what the parent recorded is the parent's to send."""
        self._exporter.after_fork_in_child()

    def _compose(self) -> Recorder:
        config = self.config
        guard = Guard(self._stats.swallow_one, self._exporter.report, debug=config.debug)
        capturer = Capturer(config.redact, pickle=config.pickle)
        core = RecorderCore(self._exporter, capturer, guard, destination=config.destination, running=self._running)
        return Recorder(core, project_id=config.project_id, sample_rate=config.sample_rate)


_tracers: list[Tracer] = []
"""All that have recorded something or may; a tracer lives until the program ends, as what it began must be sent."""


def _shut_down_all() -> None:
    """Shut down one after another; all together take no longer than the most patient of them."""
    began = time.monotonic()
    for tracer in _tracers:
        left = tracer.config.exit_timeout_seconds - (time.monotonic() - began)
        tracer.shutdown(max(0.0, left))


def _begin_anew_in_child() -> None:
    for tracer in _tracers:
        tracer.after_fork_in_child()


# When this module is imported, and not with the first tracer: so hooks of the program's own, which may record,
# run before the shutdown, and after the child has let go of its parent's files.
atexit.register(_shut_down_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew_in_child)


def _log_from_a_thread(line: str) -> None:
    """Log without running the user's log handlers in the user's thread."""
    try:
        threading.Thread(target=write_log, args=(line,), name="xray-trace-log", daemon=True).start()
    except RuntimeError:  # the interpreter is exiting
        return
