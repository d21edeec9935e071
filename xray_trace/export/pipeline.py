"""Pipeline: what one life of the exporter consists of, and the thread that works for it."""

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from xray_trace.config import Config
from xray_trace.errors import SpoolError
from xray_trace.events import OpenScopes
from xray_trace.export.batch_queue import BatchQueue
from xray_trace.export.disk_storage import DiskStorage
from xray_trace.export.doorbell import Doorbell
from xray_trace.export.fallback_storage import FallbackStorage
from xray_trace.export.former_owners import FormerOwners
from xray_trace.export.intake import Intake
from xray_trace.export.loading import load_module
from xray_trace.export.memory_storage import MemoryStorage
from xray_trace.export.native_thread import start_native_thread
from xray_trace.export.ownership import IS_SUPPORTED
from xray_trace.export.reporter import Reporter
from xray_trace.export.running_notes import RunningNotes
from xray_trace.export.storage import StorageAdapter
from xray_trace.guard import Guard, from_signal_handler
from xray_trace.stats import Stats

__all__ = ["Pipeline"]

_RETRY_SECONDS = 1.0  # a program that has run out of descriptors may have some again; what is recorded waits
_HEADROOM = 1.25  # of max_spool_bytes: what recording may take while the background still makes room


class Pipeline:
    """Storage, queue, intake and background of one owner of the spool; made at the first record, ended once."""

    def __init__(
        self,
        config: Config,
        stats: Stats,
        guard: Guard,
        reporter: Reporter,
        former: FormerOwners,
        running: OpenScopes | None,
    ) -> None:
        self.config = config
        self.stats = stats
        self.guard = guard
        self.reporter = reporter
        self.former = former
        self.disk, self.storage = _open_storage(config, reporter.report)
        self.doorbell = Doorbell()
        self.queue = BatchQueue(self.storage, self.doorbell.nudge, config.max_batch_size)
        self.intake = Intake(
            self.storage, self.queue, stats, config.inline_max_bytes, config.worker_pool_size, self.doorbell.ring
        )
        self.notes = self._notes_of(running) if running is not None else None
        self.flushes: deque[threading.Event] = deque()
        self.is_stopping = False
        self.has_begun = False
        """Whether the background came to work. Where it cannot, for want of descriptors, it tries again."""
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._has_thread = False
        self._thread_id: int | None = None

    def start(self) -> None:
        """Start the background thread; where the interpreter allows none any more, all stays in the spool."""
        self._has_thread = True
        try:
            start_native_thread(self._run, "xray-trace")
        except RuntimeError as error:
            if from_signal_handler(error):
                raise
            self._has_thread = False
            self.reporter.trace("no thread can be started any more; what is recorded now waits in the spool")

    def owners(self) -> set[str]:
        """Return the name under which this pipeline owns files."""
        return {self.disk.owner} if self.disk is not None else set()

    def flush(self, deadline: float) -> None:
        """Have everything sent, or come to where going on makes no sense, by the deadline of `time.monotonic`.

        Values that are still being encoded get half of the time, so that what is ready has the rest.
        """
        self.intake.pool.drain((time.monotonic() + deadline) / 2)
        if not self._has_thread or self._is_own_thread():
            return
        done = threading.Event()
        self.flushes.append(done)
        self.doorbell.ring()
        while not done.is_set() and not self._ended.is_set() and (left := deadline - time.monotonic()) > 0:
            done.wait(left)

    def stop(self, deadline: float) -> None:
        """Let the thread end, and give up what is ours to the next process; waits until the deadline at most.

        A thread that is not done by then gives it up itself when it ends, or the end of the process does.
        """
        self.is_stopping = True
        self._stopping.set()
        self.queue.close()
        self.intake.pool.close()
        if not self._has_thread:
            self._release()
            return
        self.doorbell.ring()
        if not self._is_own_thread():
            self._ended.wait(max(0.0, deadline - time.monotonic()))

    def forget_in_child(self) -> None:
        """Let go, in a fork's child, of what is the parent's."""
        self.queue.forget_in_child()
        self.storage.forget_in_child()

    def _is_own_thread(self) -> bool:
        return self._thread_id == threading.get_ident()

    def _run(self) -> None:
        self._thread_id = threading.get_ident()
        try:
            self._work()
            while not (self.has_begun or self._stopping.wait(_RETRY_SECONDS)):
                self._work()
        finally:
            self.queue.close()  # had the thread ended by an error, the next record would begin anew
            self._release()
            self._ended.set()
            for done in list(self.flushes):
                done.set()

    def _work(self) -> None:
        with self.guard.around("working in the background"):
            load_module("xray_trace.export.background").Background(self).run()

    def _release(self) -> None:
        if self.notes is None or self.notes.is_empty():
            self.storage.release()
        else:
            self.former.resting.append(self.storage)

    def _notes_of(self, running: OpenScopes) -> RunningNotes:
        return RunningNotes(running, self.disk, self.intake, self.stats, self.guard, self.reporter)


def _open_storage(config: Config, report: Callable[[str], None]) -> tuple[DiskStorage | None, StorageAdapter]:
    limit = int(config.max_spool_bytes * _HEADROOM)
    memory = MemoryStorage(config.destination, limit)
    if not IS_SUPPORTED:
        report("on this system the spool is kept in memory: what is not sent is lost with the process")
        return None, memory
    try:
        disk = DiskStorage(Path(config.spool_dir), config.destination, limit, fsync=config.fsync)
    except SpoolError as error:
        report(f"{error}; what is recorded is kept in memory and lost with the process if it cannot be sent")
        return None, memory
    return disk, FallbackStorage(disk, memory, report)
