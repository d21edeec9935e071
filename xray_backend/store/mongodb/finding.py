"""Asking for documents, within the time limit and in pages that fit in memory."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Final, TypeAlias

from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument
from mongoengine import Document
from pymongo.collection import Collection

from xray_backend.store.mongodb.compile import Filter
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.failures import of_a_query
from xray_backend.store.mongodb.visible import visible

__all__ = ["PAGE_BYTES", "Asked", "Finding"]

PAGE_BYTES: Final = 2 * 1024 * 1024
"""A page of documents ends here, so that all threads may read the largest at once: 1,000 steps can have 250 MiB."""

_RAW: "Final[CodecOptions[RawBSONDocument]]" = CodecOptions(
    document_class=RawBSONDocument, datetime_conversion=DatetimeConversion.DATETIME_MS
)

Asked: TypeAlias = tuple[Filter, Sequence[tuple[str, int]]]
"""A filter and the order of what it finds."""


class Finding:
    """Runs queries, none longer than the time limit."""

    def __init__(self, database: Database, time_limit_seconds: float) -> None:
        self._database = database
        self._time_limit_ms = max(1, int(time_limit_seconds * 1000))  # 0 would be no limit

    def filter_of(self, project_id: str, *tests: Filter) -> Filter | None:
        """Return the filter of what is seen of a project and meets all tests; None if the project is deleted."""
        condition = visible(self._database, project_id)
        if condition is None:
            return None
        parts = [condition, *(test for test in tests if test)]
        return condition if len(parts) == 1 else {"$and": parts}

    def page(
        self, document: type[Document], asked: Sequence[Asked], limit: int, fields: Mapping[str, bool] | None = None
    ) -> tuple[list[RawBSONDocument], bool]:
        """Return the first documents of one query after the other, and whether there are more; of large ones fewer.

        Raises `Unavailable` if a query takes longer than the time limit, `BadRequest` if the database does not take it.
        """
        found: list[RawBSONDocument] = []
        size_bytes = 0
        with of_a_query(), closing(self._each(document, asked, limit + 1, fields)) as each:
            for one in each:
                if len(found) == limit or size_bytes > PAGE_BYTES:
                    return found, True
                found.append(one)
                size_bytes += len(one.raw)
        return found, False

    def all(self, document: type[Document], filter: Filter, fields: Mapping[str, bool]) -> list[RawBSONDocument]:
        """Return all documents, of which there are few. Raises as `page`."""
        with of_a_query():
            return list(self._collection(document).find(filter, fields, max_time_ms=self._time_limit_ms))

    def first(
        self, project_id: str, document: type[Document], test: Filter, fields: Mapping[str, bool] | None = None
    ) -> RawBSONDocument | None:
        """Return the one document of a project that meets a test, if there is one. Raises as `page`."""
        filter = self.filter_of(project_id, test)
        if filter is None:
            return None
        with of_a_query():
            return self._collection(document).find_one(filter, fields, max_time_ms=self._time_limit_ms)

    def count(self, document: type[Document], filter: Filter) -> int:
        """Count documents. Raises as `page`."""
        with of_a_query():
            return self._collection(document).count_documents(filter, maxTimeMS=self._time_limit_ms)

    def _each(
        self, document: type[Document], asked: Sequence[Asked], limit: int, fields: Mapping[str, bool] | None
    ) -> Generator[RawBSONDocument, None, None]:
        """Ask a query only when all that the one before found was taken."""
        for filter, order in asked:
            cursor = self._collection(document).find(filter, fields, limit=limit, max_time_ms=self._time_limit_ms)
            with cursor.sort(order) as found:
                yield from found

    def _collection(self, document: type[Document]) -> "Collection[RawBSONDocument]":
        return self._database.collection(document).with_options(codec_options=_RAW)
