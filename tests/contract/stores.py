"""The stores that the contract holds for."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from xray_backend.store.base import Store
from xray_backend.store.records import EventBatch, WriteResult
from xray_backend.store.sqlite.index.indexer import Indexer
from xray_backend.store.sqlite.store import SqliteStore

Clock: TypeAlias = Callable[[], int]
Opener: TypeAlias = Callable[[], Store]


class IndexedSqliteStore(SqliteStore):
    """SQLite whose index holds every document as soon as it is written."""

    _one_at_a_time = threading.Lock()

    def __init__(self, path: Path, *, clock: Clock) -> None:
        super().__init__(path, clock=clock)
        self._indexer = Indexer(path, least_rows=1)

    def write(self, batch: EventBatch) -> WriteResult:
        result = super().write(batch)
        with self._one_at_a_time:
            while self._indexer.run_once():
                pass
        return result

    def close(self) -> None:
        super().close()
        self._indexer.close()


STORES: dict[str, type[SqliteStore]] = {"sqlite": SqliteStore, "sqlite, indexed": IndexedSqliteStore}
