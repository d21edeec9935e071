"""What goes on in the background: removing what was deleted, deleting what is too old, sweeping what is abandoned."""

import fcntl
import logging
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from xray_backend.blobs.base import BlobStore
from xray_backend.errors import Unavailable
from xray_backend.metrics import Metrics
from xray_backend.store.base import Store

__all__ = ["Housekeeper"]

PIECE_ROWS: Final = 200
"""Rows that go in one transaction: it takes as long as a batch of 100 events, and ingest waits for it as for one."""

LOOK_SECONDS: Final = 5.0
"""How soon what another process deleted is removed, and what failed is tried again; a look costs two index look-ups."""

STOP_SECONDS: Final = 10.0
"""How long `stop` waits for the piece at work; as long as the store lets a piece wait for its commit."""

_SWEEP: Final = "sweep"
"""What a sweep is called among the attempts that the store counts; those of people have longer names."""

_LOG = logging.getLogger(__name__)


class Housekeeper:
    """One thread; of several processes on one data directory, one has the lock and works, and the others wait for it.

    Of several servers that share the blobs (`is_shared`) one sweeps in each period; deletions any of them removes.
    All that is to be done is written down in the stores, so it goes on wherever a process ended.
    """

    def __init__(
        self,
        store: Store,
        blobs: BlobStore,
        metrics: Metrics,
        lock_path: Path,
        *,
        sweep_seconds: float,
        is_shared: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._metrics = metrics
        self._lock_path = lock_path
        self._sweep_seconds = sweep_seconds
        self._is_shared = is_shared
        self._is_mine = False
        """The sweep of this period: until it is done, whoever has it tries it again."""
        self._monotonic = monotonic
        self._next_sweep = 0.0
        self._news = threading.Condition()
        self._said = ""
        self._is_woken = False
        self._is_stopping = False
        self._lock: int | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; after a fork, since a thread does not come along."""
        self._next_sweep = self._monotonic()
        self._thread = threading.Thread(target=self._work, name="xray-housekeeper", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Tell that something was deleted."""
        with self._news:
            self._is_woken = True
            self._news.notify()

    def stop(self) -> None:
        """End after the piece at work; what is left is done after the next start. Idempotent."""
        with self._news:
            self._is_stopping = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    @property
    def is_stopping(self) -> bool:
        """Tell whether `stop` was called."""
        return self._is_stopping

    def _work(self) -> None:
        pause_seconds = min(LOOK_SECONDS, self._sweep_seconds)
        while not self._is_stopping:
            self._round()
            with self._news:
                self._news.wait_for(lambda: self._is_woken or self._is_stopping, pause_seconds)
                self._is_woken = False
        if self._lock is not None:
            os.close(self._lock)

    def _round(self) -> None:
        try:
            if self._has_lock():
                self._remove_deleted()
                if self._monotonic() >= self._next_sweep and self._may_sweep():
                    self._sweep()
            self._said = ""
        except Unavailable as error:
            self._say(error.message)
        except OSError as error:
            self._say(f"The lock {self._lock_path} cannot be taken: {error.strerror}.")
        except Exception:  # noqa: BLE001 - it is logged; the thread must live
            _LOG.exception("housekeeping failed, and is tried again")

    def _say(self, sentence: str) -> None:
        """Log why nothing is done, once for as long as it stays so."""
        if sentence != self._said:
            _LOG.warning("housekeeping waits: %s", sentence)
        self._said = sentence

    def _has_lock(self) -> bool:
        """Take the lock unless another process has it; it ends with the process, whatever ends that."""
        if self._lock is not None:
            return True
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def _remove_deleted(self) -> None:
        while not self._is_stopping and self._remove_piece():
            pass

    def _remove_piece(self) -> bool:
        """Remove blobs first: a record that is still there leads to what is left. False if there is nothing to do."""
        piece = self._store.next_deletion(PIECE_ROWS)
        if piece is None:
            return False
        if piece.trace_id is None:
            blobs, all_gone = self._blobs.delete_project(piece.project_id, PIECE_ROWS)
        else:
            blobs, all_gone = self._blobs.delete([f"{piece.project_id}/{data_id}" for data_id in piece.data_ids]), True
        self._metrics.count_removed("blob", blobs)
        if all_gone:
            self._metrics.count_removed("row", self._store.remove(piece, PIECE_ROWS).rows)
        return True

    def _may_sweep(self) -> bool:
        """Tell whether this server sweeps: of several that share the blobs, the first that asks in each period."""
        if self._is_shared and not self._is_mine:
            self._is_mine = self._store.count_attempt(_SWEEP, 1, math.ceil(self._sweep_seconds))
        return self._is_mine or not self._is_shared

    def _sweep(self) -> None:
        """Delete what is too old, and remove what is abandoned; a sweep that fails is due again."""
        while not self._is_stopping and (expired := self._store.expire_traces(PIECE_ROWS)):
            self._metrics.count_removed("expired trace", expired)
            self._remove_deleted()
        for removed in self._blobs.sweep():
            self._metrics.count_removed("abandoned upload or blob", removed)
            if self._is_stopping:
                return
        self._metrics.set_blob_bytes(self._blobs.size_bytes())
        self._next_sweep = self._monotonic() + self._sweep_seconds
        self._is_mine = False
