"""A database that a test has for itself."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from pymongo import MongoClient

from xray_backend.store.base import Store
from xray_backend.store.mongodb.layout import prepare
from xray_backend.store.mongodb.store import MongoStore

__all__ = ["Place"]


class Place:
    """One database, opened as often as it is asked to; `with` closes what was opened, and drops it."""

    def __init__(self, server_url: str, clock: Callable[[], int]) -> None:
        address, _, options = server_url.partition("/?")
        self.url = f"{address.rstrip('/')}/xray-{uuid4().hex}?{options}"
        self._clock = clock
        self._opened: list[Store] = []
        self._client: MongoClient[dict[str, Any]] = MongoClient(self.url)
        prepare(self.url)

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *exception: object) -> None:
        for store in self._opened:
            store.close()
        self._client.drop_database(self._client.get_default_database())
        self._client.close()

    def open(self) -> Store:
        """Open it once more, as another process would."""
        self._opened.append(MongoStore(self.url, clock=self._clock))
        return self._opened[-1]

    def count(self, collection: str, asked: dict[str, Any] | None = None) -> int:
        """Count documents, past the store."""
        return self._client.get_default_database()[collection].count_documents(asked or {})
