"""WorkerPool: encodes what is too large for the caller's thread."""

import queue
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from xray_trace.events import Content, LateValue
from xray_trace.guard import from_signal_handler

__all__ = ["LateJob", "WorkerPool"]

MAX_WAITING = 256  # each keeps a large object of the program's alive; more would be a leak of its own


class LateJob(NamedTuple):
    """A late value and the name of the file that announces it, if one could be written."""

    value: LateValue
    placeholder: str | None


class WorkerPool:
    """A few daemon threads, started when first needed.

    No executor of the standard library: theirs are joined at exit, however long the work takes.
    """

    def __init__(
        self,
        size: int,
        deliver: Callable[[LateJob, Content], None],
        lose: Callable[[LateJob, str], None],
    ) -> None:
        self._size = size
        self._deliver = deliver
        self._lose = lose
        self._jobs: queue.SimpleQueue[LateJob | None] = queue.SimpleQueue()
        self._unfinished: dict[int, LateJob] = {}  # single dict operations, so a signal handler may come between
        self._finished_one = threading.Condition(threading.RLock())
        self._threads: list[threading.Thread] = []

    def submit(self, job: LateJob) -> None:
        """Have the value encoded soon; one that would make too many wait is lost at once. Never waits."""
        if len(self._unfinished) >= MAX_WAITING:
            self._lose(job, "too many large values were waiting to be encoded")
            return
        self._unfinished[id(job)] = job
        self._jobs.put(job)
        self._grow()

    def drain(self, deadline: float) -> bool:
        """Wait until all work is done or the deadline (of `time.monotonic`) has come; tell whether it is done."""
        if not self._threads:
            self._work_here(deadline)
        with self._finished_one:
            return self._finished_one.wait_for(
                lambda: not self._unfinished, timeout=max(0.0, deadline - time.monotonic())
            )

    def close(self) -> None:
        """Let the threads end once they have done what waits; nobody joins them."""
        for _ in self._threads:
            self._jobs.put(None)
        self._threads = []

    def _grow(self) -> None:
        if len(self._threads) >= min(self._size, len(self._unfinished)):
            return
        worker = threading.Thread(target=self._work, name="xray-trace-worker", daemon=True)
        self._threads.append(worker)
        try:
            worker.start()
        except RuntimeError as error:  # the interpreter is shutting down: `drain` will do the work
            if from_signal_handler(error):
                raise
            self._threads.remove(worker)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._do(job)

    def _work_here(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                self._do(job)

    def _do(self, job: LateJob) -> None:
        try:
            self._deliver(job, job.value.encode())
        except Exception as error:  # noqa: BLE001 - it runs the program's code, in our thread
            self._lose(job, f"it could not be encoded ({type(error).__name__})")
        finally:
            del self._unfinished[id(job)]
            with self._finished_one:
                self._finished_one.notify_all()
