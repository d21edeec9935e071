"""Exporter: the front of the export side; takes records and gets them to the server."""

import sys
import threading
import time
from typing import TYPE_CHECKING

import xray_trace.export.ownership  # noqa: F401 - its fork hook has to run before those of programs that record
from xray_trace.config import Config
from xray_trace.errors import QueueClosedError, SpoolError, SpoolFullError
from xray_trace.events import LateValue, OpenScopes, Record
from xray_trace.export.event_count import event_count
from xray_trace.export.former_owners import FormerOwners
from xray_trace.export.loading import load_module, prepare_loading
from xray_trace.export.reporter import Reporter
from xray_trace.guard import Guard
from xray_trace.stats import FlushResult, Stats

if TYPE_CHECKING:
    from xray_trace.export.pipeline import Pipeline

__all__ = ["Exporter"]

_is_finalizing = sys.is_finalizing
_LIVES = 3  # a queue may be closed under a record by a shutdown or a fork; not again and again
_SHARE_OF_STOPPING = 0.15  # of a shutdown's time: what closing connections and a last packing may take
_LONGEST_WAIT_SECONDS = 1e6  # eleven days; every system's locks take that, and none takes infinity
_CLOSED_AGAIN = "the exporter was shut down again and again while it was recording"


class Exporter:
    """A `Sink` whose records reach the server, through the spool.

    Makes no thread, no file and no socket before the first record or step. After a shutdown or in a fork's child it
    begins anew with the next one.
    """

    def __init__(self, config: Config, stats: Stats, running: OpenScopes | None = None) -> None:
        prepare_loading()  # here, because a program makes its tracer long before its threads fork
        self._pipeline_type: type[Pipeline] = load_module("xray_trace.export.pipeline").Pipeline
        self._config = config
        self._stats = stats
        self._count_one = stats.record_one
        self._running = running
        self._reporter = Reporter(debug=config.debug)
        self._guard = Guard(stats.swallow_one, self.report, debug=config.debug)
        self._lock = threading.RLock()
        self._pipeline: Pipeline | None = None
        self._former = FormerOwners()
        if running is not None:
            running.call_at_next(self.resume)  # a step in another process's trace may hang before anything is recorded

    def put(self, record: Record, is_small: bool = False) -> None:
        """Keep the record; see `Sink.put`. It is counted first: delivered may be no more than was recorded."""
        if _is_finalizing():
            return
        if record.event:
            self._count_one()
        try:
            pipeline = self._pipeline or self._start()
            try:
                pipeline.intake.take(record, is_small)
            except QueueClosedError:
                self._end_life(pipeline)
                self._take(record)
        except SpoolFullError:
            self._lose("the spool was full", record)
        except SpoolError:
            self._lose("the disk failed", record)
        except Exception as error:  # noqa: BLE001 - the guard lets what is the user's go on
            self._lose("recording failed", record)
            self._guard.swallow(error, "keeping a record")
        except BaseException:  # as a KeyboardInterrupt, which is the user's: the call has not returned
            self._lose("recording failed", record)
            raise

    def put_late(self, value: LateValue) -> None:
        """Have the value encoded in the background; see `Sink.put_late`."""
        if _is_finalizing():
            return
        try:
            self._put_off(value)
        except SpoolError:
            self._lose_value("the disk failed")
        except Exception as error:  # noqa: BLE001 - see put
            self._guard.swallow(error, "putting off a large value")
            self._lose_value("recording failed")

    def report(self, line: str) -> None:
        """Have the background thread log the line: one a minute of its kind, all in debug mode."""
        self._reporter.report(line)

    def resume(self) -> None:
        """Begin without a record: send what programs left here that are gone."""
        with self._guard.around("starting"):
            self._start()

    def flush(self, timeout_seconds: float) -> FlushResult:
        """Return when everything is delivered or set aside, when the server is found away, or in time."""
        pipeline = self._pipeline
        if pipeline is not None:
            with self._guard.around("flushing"):
                pipeline.flush(time.monotonic() + _bounded(timeout_seconds))
        return self._stats.flush_result()

    def shutdown(self, timeout_seconds: float) -> FlushResult:
        """Flush, stop the thread and leave the rest on disk; may be repeated."""
        timeout_seconds = _bounded(timeout_seconds)
        deadline = time.monotonic() + timeout_seconds
        with self._lock:
            pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            with self._guard.around("shutting down"):
                pipeline.flush(deadline - timeout_seconds * _SHARE_OF_STOPPING)
            with self._guard.around("shutting down"):
                self._former.names |= pipeline.owners()
                pipeline.stop(deadline)
        if self._running is not None and self._pipeline is None:
            self._running.call_at_next(self.resume)  # likewise, in a trace that was begun before
        return self._stats.flush_result()

    def after_fork_in_child(self) -> None:
        """Let go of the parent's files, thread and locks; the next record begins anew."""
        self._lock = threading.RLock()
        pipeline, self._pipeline = self._pipeline, None
        former, self._former = self._former, FormerOwners()  # the parent counted what they recorded
        if self._running is not None:
            self._running.forget_in_child()
            self._running.call_at_next(self.resume)  # a step in the parent's trace may hang before anything is recorded
        self._stats.after_fork_in_child()
        if pipeline is not None:
            with self._guard.around("letting go after a fork"):
                pipeline.forget_in_child()
        with self._guard.around("letting go after a fork"):
            former.forget_in_child()

    def _take(self, record: Record) -> None:
        for _ in range(_LIVES):
            pipeline = self._pipeline or self._start()
            try:
                return pipeline.intake.take(record)
            except QueueClosedError:
                self._end_life(pipeline)
        raise SpoolError(_CLOSED_AGAIN)

    def _put_off(self, value: LateValue) -> None:
        for _ in range(_LIVES):
            pipeline = self._pipeline or self._start()
            try:
                return pipeline.intake.put_off(value)
            except QueueClosedError:
                self._end_life(pipeline)
        raise SpoolError(_CLOSED_AGAIN)

    def _end_life(self, pipeline: "Pipeline") -> None:
        self._former.names |= pipeline.owners()
        if self._pipeline is pipeline:
            self._pipeline = None

    def _start(self) -> "Pipeline":
        with self._lock:
            if self._pipeline is not None:
                return self._pipeline
            pipeline = self._pipeline_type(
                self._config, self._stats, self._guard, self._reporter, self._former, self._running
            )
            return self._install(pipeline)

    def _install(self, pipeline: "Pipeline") -> "Pipeline":
        """Begin with this pipeline, unless a signal handler recorded while it was made, and was quicker."""
        if self._pipeline is not None:
            pipeline.stop(0.0)
            return self._pipeline
        self._pipeline = pipeline
        pipeline.start()
        return pipeline

    def _lose(self, reason: str, record: Record) -> None:
        count = event_count(record)
        self._stats.record(count - bool(record.event))
        self._stats.drop(reason, count)
        self.report(f"a record is lost: {reason}")

    def _lose_value(self, reason: str) -> None:
        self._stats.record(1)
        self._stats.drop(reason)
        self.report(f"a large value is lost: {reason}")


def _bounded(timeout_seconds: object) -> float:
    """Return a time that can be waited for; what is no time, such as NaN, is none at all."""
    if not isinstance(timeout_seconds, (int, float)) or not timeout_seconds > 0:
        return 0.0
    return min(timeout_seconds, _LONGEST_WAIT_SECONDS)
