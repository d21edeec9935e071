"""BatchQueue: into the open batch on disk; sealed by count or age."""

import contextlib
import threading
from typing import Protocol

from xray_trace.errors import QueueClosedError, SpoolError
from xray_trace.export.frames import to_frame
from xray_trace.export.journal import Journal, SealedJournal
from xray_trace.export.storage import StorageAdapter
from xray_trace.guard import from_signal_handler

__all__ = ["JOURNAL_BYTES", "BatchQueue"]

JOURNAL_BYTES = 1024 * 1024
"""Room for a hundred records of the usual kind with their contents, and little to promise on disk for one record."""

_SHARE_OF_SPOOL = 16  # an open and a spare journal must leave most of a small spool to what waits

_TRIES = 8  # between taking a fresh journal and writing into it, other threads may fill it; hardly twice in a row


class Nudge(Protocol):
    """Tells the background that a batch is full, or that only the background can make room: see `Doorbell.nudge`."""

    def __call__(self, *, urgent: bool = False) -> None: ...


class BatchQueue:
    """Takes records from any thread; the background takes the sealed journals away.

    Which journals are sealed is never stored, but derived: every one that was made, but the open one and the
    spare. So a signal handler that records while it interrupts the very change of journals can lose none.
    """

    def __init__(self, storage: StorageAdapter, nudge: Nudge, max_batch_size: int) -> None:
        self._storage = storage
        self._nudge = nudge
        self._max_batch_size = max_batch_size
        self._journal_bytes = min(JOURNAL_BYTES, storage.limit_bytes // _SHARE_OF_SPOOL)
        self._is_closed = False
        self._lock = threading.RLock()
        self._journals: dict[str, Journal | SealedJournal] = {}
        self._spare: Journal | None = None
        self._open = self._create(self._journal_bytes)

    def put(self, payload: bytes) -> None:
        """Keep the record; no lock, no system call and no other thread on the usual way.

        Raises SpoolError if there is no room for it, QueueClosedError if the queue is closed.
        """
        frame = to_frame(payload)
        journal = self._open
        try:
            journal.write(frame)
        except ValueError as error:  # full, or sealed meanwhile
            if from_signal_handler(error):
                raise
            try:
                journal = self._put_elsewhere(frame)
            finally:  # a journal is full before the count, or there is no room: only the background can make some
                self._nudge(urgent=True)
        if journal.count_one() == self._max_batch_size:
            self._nudge()

    def collect(self) -> list[Journal | SealedJournal]:
        """Seal the open journal if there is something in it, and return all sealed ones, oldest first."""
        if self._is_closed:
            return list(self._journals.values())
        if not self._open.is_empty():
            self._seal_open()
        with self._lock:
            kept = (self._spare, None if self._open.is_sealed() else self._open)
            sealed = [journal for journal in self._journals.values() if journal not in kept]
        for journal in sealed:
            journal.seal()
            with contextlib.suppress(SpoolError):  # packing writes it anew, and says what is wrong with the disk
                self._storage.sync(journal.name)
        return sealed

    def forget(self, journal: Journal | SealedJournal) -> None:
        """Do not collect this journal again; its records are seen to."""
        self._journals.pop(journal.name, None)

    def prepare(self) -> None:
        """Have the next journal ready, so that no caller has to make it."""
        if self._spare is None:
            spare = self._create(self._journal_bytes)
            spare.touch()
            self._spare = spare

    def close(self) -> None:
        """Let nothing more in; what is in can still be collected."""
        with self._lock:
            self._is_closed = True
            for journal in self._journals.values():
                journal.seal()

    def forget_in_child(self) -> None:
        """Stop this process, a fork's child, from writing into the parent's journals."""
        self._lock = threading.RLock()  # a thread that the child does not have may have held it
        self.close()

    def _seal_open(self) -> None:
        """Put another journal in the open one's place, or none where there is no room: packing it will make some."""
        try:
            self.prepare()
            with self._lock:
                self._change_from(self._open)
        except SpoolError:
            self._open.seal()

    def _create(self, capacity_bytes: int) -> Journal:
        journal = self._storage.new_journal(capacity_bytes)
        self._journals[journal.name] = journal
        return journal

    def _put_elsewhere(self, frame: bytes) -> Journal:
        with self._lock:
            if self._is_closed:
                raise QueueClosedError("this queue is closed")
            if len(frame) > self._journal_bytes:
                journal = self._create(len(frame))  # one of its own: neither open nor spare, so the next to be sent
                journal.write(frame)
                return journal
            for _ in range(_TRIES):
                journal = self._open
                if _has_written(journal, frame):
                    return journal
                self._change_from(journal)
        raise SpoolError("the journals filled faster than they could be made")

    def _change_from(self, full: Journal) -> None:
        """Open another journal in place of this one, unless a signal handler did it meanwhile."""
        replacement = self._spare or self._create(self._journal_bytes)
        self._spare = None
        if self._open is full:
            self._open = replacement
            full.seal()
            if full.name in self._journals and self._storage.is_durable(full.name):  # else it was packed already
                self._journals[full.name] = SealedJournal(full, self._storage.read)


def _has_written(journal: Journal, frame: bytes) -> bool:
    """Write the frame if the journal is open and has room; tell whether it did."""
    try:
        journal.write(frame)
    except ValueError as error:  # full, or sealed meanwhile
        if from_signal_handler(error):
            raise
        return False
    return True
