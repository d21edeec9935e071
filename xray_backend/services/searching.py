"""Queries over steps and traces, and the shapes of what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from xray_backend.ingest.schemas import merge_shapes
from xray_backend.query.cursor import CursorCodec, FieldPosition, Position, binding
from xray_backend.query.filter import parse_filter
from xray_backend.query.limits import QueryLimits
from xray_backend.query.sort import parse_sort
from xray_backend.store.base import Collection, Json, Store

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


class _Sighting(msgspec.Struct, rename="camel"):
    schema_shape: dict[str, object]


_SIGHTINGS = msgspec.json.Decoder(_Sighting)


class Searching:
    """Asks the store; that the caller may is checked before."""

    def __init__(self, store: Store, cursors: CursorCodec, limits: QueryLimits) -> None:
        self._store = store
        self._cursors = cursors
        self._limits = limits

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
        page = self._store.query(collection, project_id, node, sort=sort, limit=question.limit, after=after)
        following = page.next_position
        return Found(
            page.documents,
            None if following is None else self._cursors.encode(following, bound),
            self._store.count(collection, project_id, node) if question.with_count else None,
        )

    def schemas(self, project_id: str, step_name: str | None) -> Sequence[Json]:
        """List the shapes of steps' metadata, one by one."""
        return self._store.schemas(project_id, step_name)

    def schema(self, project_id: str, step_name: str | None) -> object:
        """Merge the shapes of steps' metadata into one."""
        found = self._store.schemas(project_id, step_name)
        return merge_shapes([_SIGHTINGS.decode(document).schema_shape for document in found])
