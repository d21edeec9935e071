"""Reading traces, steps and data records back."""
# ruff: noqa: S608 - what is put together are our own names and the compiled condition; every value is bound

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec

from xray_backend.query.cursor import FieldPosition, Position, StepPosition
from xray_backend.query.sort import Sort
from xray_backend.query.tree import Node
from xray_backend.store.records import Collection, DataPage, DataRecord, Json, Page, StepPage
from xray_backend.store.sqlite.index.block import TIME_COLUMN
from xray_backend.store.sqlite.index.by_field import page_by_field
from xray_backend.store.sqlite.index.by_time import page_by_time
from xray_backend.store.sqlite.index.finder import Finder
from xray_backend.store.sqlite.readers import Readers
from xray_backend.store.sqlite.visible import visible

__all__ = ["Reading"]

_STEPS_OF: Final = """
SELECT CAST(steps.doc AS BLOB), steps.step_number, steps.timestamp_ms, steps.step_id
FROM (SELECT rowid AS step FROM steps WHERE {terms}
      ORDER BY step_number IS NULL, step_number, timestamp_ms, step_id LIMIT ?) AS page
JOIN steps ON steps.rowid = page.step
ORDER BY steps.step_number IS NULL, steps.step_number, steps.timestamp_ms, steps.step_id
"""
"""The inner query sorts row numbers alone, so that a long trace is not dragged whole through the sorter."""

_DATA_OF: Final = """
SELECT CAST(data.doc AS BLOB), wanted.place
FROM (SELECT key AS place, value AS wanted_id FROM json_each(?)) AS wanted CROSS JOIN data
WHERE data_id = wanted_id AND {terms}
"""
"""CROSS JOIN keeps the order of the list, and nothing is sorted: a page may be the beginning of a gigabyte."""


class _DataDocument(msgspec.Struct, rename="camel"):
    data_id: str
    trace_id: str
    key: str
    metadata: dict[str, Any]
    content_type: str | None
    size_bytes: int | None
    sha256: str | None


@dataclass(frozen=True)
class _Terms:
    """Conditions that are joined by AND, and their parameters."""

    sql: list[str]
    parameters: list[object]

    def add(self, sql: str, *parameters: object) -> None:
        self.sql.append(sql)
        self.parameters.extend(parameters)

    @classmethod
    def of(cls, project_id: str, *, by_trace: bool = True) -> "_Terms":
        """Begin with those that each read of a project has."""
        conditions, parameters = visible(project_id, by_trace=by_trace)
        return cls(["project_id = ?", *conditions], [project_id, *parameters])

    def __str__(self) -> str:
        return " AND ".join(self.sql)


class Reading:
    """The reading half of what the SDK sent."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def traces(
        self,
        project_id: str,
        *,
        status: str | None,
        start_ms: int | None,
        end_ms: int | None,
        limit: int,
        after: Position | None,
    ) -> Page:
        """List traces, newest first."""
        terms = _Terms.of(project_id, by_trace=False)
        if status is not None:
            terms.add("status = ?", status)
        if start_ms is not None:
            terms.add("created_at_ms >= ?", start_ms)
        if end_ms is not None:
            terms.add("created_at_ms <= ?", end_ms)
        return self._page("traces", terms, limit, after)

    def query(
        self,
        collection: Collection,
        project_id: str,
        condition: Node,
        *,
        sort: Sort | None,
        limit: int,
        after: Position | FieldPosition | None,
    ) -> Page:
        """Find documents, in the order of time or of a field."""
        with self._readers.snapshot() as snapshot:
            finder = Finder(snapshot, collection, project_id, condition)
            if sort is None or sort.is_by_time(collection):
                direction = -1 if sort is None else sort.direction
                return page_by_time(finder, direction, limit, cast("Position | None", after))
            return page_by_field(finder, sort, limit, cast("FieldPosition | None", after))

    def count(self, collection: Collection, project_id: str, condition: Node) -> int:
        """Count documents."""
        with self._readers.snapshot() as snapshot:
            return Finder(snapshot, collection, project_id, condition).count()

    def trace(self, project_id: str, trace_id: str) -> Json | None:
        """Find one trace."""
        terms = _Terms.of(project_id, by_trace=False)
        terms.add("trace_id = ?", trace_id)
        row = self._readers.first(f"SELECT CAST(doc AS BLOB) FROM traces WHERE {terms}", terms.parameters)
        return None if row is None else row[0]

    def steps_of(self, project_id: str, trace_id: str, *, limit: int, after: StepPosition | None) -> StepPage:
        """List a part of a trace's steps."""
        terms = _Terms.of(project_id)
        terms.add("trace_id = ?", trace_id)
        if after is not None:
            place = (after.step_number is None, after.step_number or 0, after.time_ms, after.step_id)
            terms.add("(step_number IS NULL, coalesce(step_number, 0), timestamp_ms, step_id) > (?, ?, ?, ?)", *place)
        rows, more = self._readers.page(_STEPS_OF.format(terms=terms), (*terms.parameters, limit + 1), limit)
        positions = [StepPosition(*row[1:]) for row in rows]
        return StepPage([row[0] for row in rows], positions, positions[-1] if more else None)

    def data_of(self, project_id: str, trace_id: str, data_ids: Sequence[str]) -> DataPage:
        """List the records of the first of these data ids."""
        terms = _Terms.of(project_id)
        terms.add("trace_id = ?", trace_id)
        wanted = msgspec.json.encode(list(data_ids)).decode()
        rows, more = self._readers.page(_DATA_OF.format(terms=terms), (wanted, *terms.parameters), len(data_ids))
        return DataPage([row[0] for row in rows], rows[-1][1] + 1 if more else len(data_ids))

    def data(self, project_id: str, trace_id: str, data_id: str) -> DataRecord | None:
        """Find one data record with its content."""
        terms = _Terms.of(project_id)
        terms.add("trace_id = ?", trace_id)
        terms.add("data_id = ?", data_id)
        row = self._readers.first(f"SELECT doc, content FROM data WHERE {terms}", terms.parameters)
        if row is None:
            return None
        found = msgspec.json.decode(row[0], type=_DataDocument)
        return DataRecord(**msgspec.structs.asdict(found), content=row[1])

    def _page(self, collection: Collection, terms: _Terms, limit: int, after: Position | None) -> Page:
        time = TIME_COLUMN[collection]
        if after is not None:
            terms.add(f"({time}, oid) < (?, ?)", *after)
        rows, more = self._readers.page(
            f"SELECT CAST(doc AS BLOB), {time}, oid FROM {collection} WHERE {terms}"
            f" ORDER BY {time} DESC, oid DESC LIMIT ?",
            (*terms.parameters, limit + 1),
            limit,
        )
        return Page([row[0] for row in rows], Position(*rows[-1][1:]) if more and rows else None)
