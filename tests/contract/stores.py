"""The stores that the contract holds for."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient

from xray_backend.store.base import Store
from xray_backend.store.mongodb.layout import prepare
from xray_backend.store.mongodb.store import MongoStore
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


@contextmanager
def sqlite(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Opener]:
    """A new file."""
    path = request.getfixturevalue("tmp_path") / "store.db"
    yield lambda: SqliteStore(path, clock=clock)


@contextmanager
def indexed_sqlite(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Opener]:
    """A new file with its index."""
    path = request.getfixturevalue("tmp_path") / "store.db"
    yield lambda: IndexedSqliteStore(path, clock=clock)


@contextmanager
def mongodb(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Opener]:
    """A new database of the server that the tests talk to."""
    with new_database(request.getfixturevalue("mongodb_url")) as url:
        yield lambda: MongoStore(url, clock=clock)


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """Make a database with its indexes, give its URL, and drop it."""
    name = f"xray-{uuid.uuid4()}"
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    prepare(url)
    yield url
    with MongoClient[dict[str, object]](url) as client:
        client.drop_database(name)


STORES = {"sqlite": sqlite, "sqlite, indexed": indexed_sqlite, "mongodb": mongodb}
