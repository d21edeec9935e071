"""WorkerPool: encodes what is too large for the caller's thread."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from xray_trace.errors import QueueClosedError
from xray_trace.events import ContentStream, LateValue
from xray_trace.guard import from_signal_handler

__all__ = ["LateJob", "WorkerPool"]

MAX_WAITING = 256  # each keeps a large object of the program's alive; more would be a leak of its own

_REST_SECONDS = 0.0002  # about what a thread takes to wake up; a value of 100 MB takes a second longer for it
_TOO_MANY = "too many large values were waiting to be encoded"
_NOT_ENCODED = "a large value could not be encoded in the background"


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
        deliver: Callable[[LateJob, ContentStream], None],
        lose: Callable[[LateJob, str, str], None],
    ) -> None:
        self._size = size
        self._deliver = deliver
        self._lose = lose
        self._jobs: queue.SimpleQueue[LateJob | None] = queue.SimpleQueue()
        self._unfinished: dict[int, LateJob] = {}  # single dict operations, so a signal handler may come between
        self._finished_one = threading.Condition(threading.RLock())
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()

    def submit(self, job: LateJob) -> None:
        """Have the value encoded soon; one that would make too many wait is lost at once, and counted. Never waits.

        Raises QueueClosedError if the pool is closed.
        """
        if self._closed.is_set():
            raise QueueClosedError("this pool is closed")
        if len(self._unfinished) >= MAX_WAITING:
            self._lose(job, _TOO_MANY, _TOO_MANY)
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
        """Let the threads end at their next chunk; what is not done is told of by the files that announce it."""
        self._closed.set()
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
        while self._has_done_next():
            pass

    def _has_done_next(self) -> bool:
        """Do one job; a function of its own, so that nothing holds the value while the next is waited for."""
        job = self._jobs.get()
        if job is None or self._closed.is_set():
            return False
        self._do(job)
        return True

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
            stream = job.value.encode()
            self._deliver(job, stream._replace(chunks=self._in_turn(stream.chunks)))
        except Exception as error:  # noqa: BLE001 - it runs the program's code, in our thread
            self._lose(job, f"it could not be encoded ({type(error).__name__})", _NOT_ENCODED)
        finally:
            del self._unfinished[id(job)]
            with self._finished_one:
                self._finished_one.notify_all()

    def _in_turn(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the chunks, and give the interpreter to whoever waits for it before each is made.

        Writing a chunk gives it away too, but takes it back before a thread that waits has woken.
        """
        for chunk in chunks:
            yield chunk
            if self._closed.wait(_REST_SECONDS):
                raise QueueClosedError("this pool was closed")
