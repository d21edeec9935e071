"""The store, or the blob store, under test: each suite runs on every one of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.blob_stores import files, s3
from tests.contract.stores import STORES, Clock, Opener
from xray_backend.clock import now_ms
from xray_backend.store.base import Store

__all__ = ["clock", "files", "opener", "s3", "store"]


@pytest.fixture
def clock() -> Clock:
    """The time that the store goes by; a suite that needs another has a fixture of its own."""
    return now_ms


@pytest.fixture(params=STORES)
def opener(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Opener]:
    """Opens the same store as often as it is called."""
    opened: list[Store] = []

    def open_store() -> Store:
        opened.append(STORES[request.param](tmp_path / "store.db", clock=clock))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture
def store(opener: Opener) -> Store:
    return opener()
