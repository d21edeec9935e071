"""The database, and what its errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient, ReadPreference, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from xray_backend.errors import Unavailable

__all__ = ["Database"]


class Database:
    """One client of one database."""

    def __init__(self, url: str) -> None:
        self._client: MongoClient[dict[str, Any]] = MongoClient(url, tz_aware=True)

    def collection(self, document: type[Any]) -> Collection[dict[str, Any]]:
        """Return the collection that a document names."""
        return self._client.get_default_database("xray").get_collection(
            document._get_collection_name(),
            write_concern=WriteConcern("majority"),
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what pymongo raises into our own error."""
        try:
            yield
        except PyMongoError as error:
            raise Unavailable("The database is away or too slow.", retry_after_seconds=1) from error

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()
