"""A store whose index is kept by hand."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from xray_backend.store.sqlite.index.indexer import Indexer
from xray_backend.store.sqlite.store import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    store.close()


@pytest.fixture
def make_indexer(store: SqliteStore, path: Path) -> Iterator[Callable[..., Indexer]]:
    made: list[Indexer] = []

    def make(**options: Any) -> Indexer:
        made.append(Indexer(path, **options))
        return made[-1]

    yield make
    for indexer in made:
        indexer.close()
