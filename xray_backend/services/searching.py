"""Queries over steps and traces, and the shapes of what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from xray_backend.metrics import Metrics
from xray_backend.query.cursor import CursorCodec, FieldPosition, Position, binding
from xray_backend.query.filter import parse_filter
from xray_backend.query.limits import QueryLimits
from xray_backend.query.sort import parse_sort
from xray_backend.query.tree import Node
from xray_backend.store.base import Store
from xray_backend.store.records import Collection, Json

__all__ = ["Found", "Question", "Searching"]


@dataclass(frozen=True)
class Question:
    """What is asked of a collection."""

    filter: dict[str, object]
    sort: dict[str, object] | None
    limit: int
    cursor: str | None
    with_count: bool


@dataclass(frozen=True)
class Found:
    """A page of documents, the cursor of the next, and how many there are in all if that was asked."""

    documents: Sequence[Json]
    next_cursor: str | None
    count: int | None


class Searching:
    """Asks the store; that the caller may is checked before."""

    def __init__(self, store: Store, cursors: CursorCodec, limits: QueryLimits, metrics: Metrics) -> None:
        self._store = store
        self._cursors = cursors
        self._limits = limits
        self._metrics = metrics

    def query(self, collection: Collection, project_id: str, question: Question) -> Found:
        """Return a page, newest first unless sorted, and the cursor of the next.

        Raises `BadRequest` if the filter or the sort is wrong or the cursor is of another query, `Unavailable` if it
        takes too long.
        """
        node = parse_filter(question.filter, collection, self._limits)
        sort = None if question.sort is None else parse_sort(question.sort, collection, self._limits)
        shape: type[Position | FieldPosition] = Position
        if sort is not None and not sort.is_by_time(collection):
            shape = FieldPosition
        bound = binding(project_id, collection, [question.filter, question.sort])
        after = None if question.cursor is None else self._cursors.decode(question.cursor, bound, shape)
        with self._metrics.time_store("query"):
            page = self._store.query(collection, project_id, node, sort=sort, limit=question.limit, after=after)
        following = page.next_position
        return Found(
            page.documents,
            None if following is None else self._cursors.encode(following, bound),
            self._count(collection, project_id, node) if question.with_count else None,
        )

    def _count(self, collection: Collection, project_id: str, node: Node) -> int:
        with self._metrics.time_store("count"):
            return self._store.count(collection, project_id, node)
