"""Pages of traces and steps that meet a condition."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

import msgspec
from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from mongoengine import Document

from xray_backend.query.cursor import FieldPosition, Position
from xray_backend.query.sort import TIME_FIELD, Sort
from xray_backend.query.tree import Node
from xray_backend.store.mongodb.answers import TRACE_FIELDS, answer, trace_answer
from xray_backend.store.mongodb.compile import Filter, compile_filter
from xray_backend.store.mongodb.documents import Step, Trace
from xray_backend.store.mongodb.finding import Finding
from xray_backend.store.mongodb.order import ByField, ByTime
from xray_backend.store.mongodb.stored import step_object_id, trace_object_id
from xray_backend.store.records import Collection, Json, Page

__all__ = ["Query"]


@dataclass(frozen=True)
class _Kind:
    """How the documents of a collection are asked for and answered."""

    document: type[Document]
    own_id: str
    key_of: Callable[[str, str], ObjectId]
    fields: dict[str, bool] | None
    answer: Callable[[RawBSONDocument], Json]


_KINDS: Final[dict[Collection, _Kind]] = {
    "steps": _Kind(Step, "stepId", step_object_id, None, answer),
    "traces": _Kind(Trace, "traceId", trace_object_id, TRACE_FIELDS, trace_answer),
}


class Query:
    """The part of the reading half that looks through many documents."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding

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
        tests: list[Filter] = [] if status is None else [{"status": status}]
        bounds = {"$gte": start_ms, "$lte": end_ms}
        times = {operator: DatetimeMS(at_ms) for operator, at_ms in bounds.items() if at_ms is not None}
        if times:
            tests.append({"createdAt": times})
        return self._by_time("traces", project_id, tests, -1, limit, after)

    def page(
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
        tests = [_compiled(collection, project_id, condition)]
        if sort is None or sort.is_by_time(collection):
            direction = -1 if sort is None else sort.direction
            return self._by_time(collection, project_id, tests, direction, limit, cast("Position | None", after))
        return self._by_field(collection, project_id, tests, sort, limit, cast("FieldPosition | None", after))

    def count(self, collection: Collection, project_id: str, condition: Node) -> int:
        """Count documents."""
        filter = self._finding.filter_of(project_id, _compiled(collection, project_id, condition))
        return 0 if filter is None else self._finding.count(_KINDS[collection].document, filter)

    def _by_time(
        self,
        collection: Collection,
        project_id: str,
        tests: Sequence[Filter],
        direction: int,
        limit: int,
        after: Position | None,
    ) -> Page:
        field = TIME_FIELD[collection]
        order = ByTime(field, direction)
        behind = [] if after is None else [order.behind(after)]
        found, more = self._find(collection, project_id, [*tests, *behind], order.keys, limit)
        documents = [_KINDS[collection].answer(each) for each in found]
        if not more:
            return Page(documents, None)
        return Page(documents, Position(int(found[-1][field]), str(found[-1]["_id"])))

    def _by_field(
        self,
        collection: Collection,
        project_id: str,
        tests: Sequence[Filter],
        sort: Sort,
        limit: int,
        after: FieldPosition | None,
    ) -> Page:
        order = ByField(sort)
        behind = [] if after is None else [order.behind(after)]
        found, more = self._find(collection, project_id, [*tests, *behind], order.keys, limit)
        documents = [_KINDS[collection].answer(each) for each in found]
        return Page(documents, order.position(msgspec.json.decode(documents[-1])) if more else None)

    def _find(
        self,
        collection: Collection,
        project_id: str,
        tests: Sequence[Filter],
        keys: Sequence[tuple[str, int]],
        limit: int,
    ) -> tuple[list[RawBSONDocument], bool]:
        kind = _KINDS[collection]
        filter = self._finding.filter_of(project_id, *tests)
        return (
            ([], False) if filter is None else self._finding.page(kind.document, [(filter, keys)], limit, kind.fields)
        )


def _compiled(collection: Collection, project_id: str, condition: Node) -> Filter:
    kind = _KINDS[collection]
    return compile_filter(condition, kind.own_id, lambda own_id: kind.key_of(project_id, own_id))
