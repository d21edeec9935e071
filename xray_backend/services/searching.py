"""Queries over steps and traces, and the shapes of what they hold."""

from collections.abc import Sequence

import msgspec

from xray_backend.ingest.schemas import merge_shapes
from xray_backend.query.cursor import CursorCodec, Position, binding
from xray_backend.query.filter import parse_filter
from xray_backend.query.limits import QueryLimits
from xray_backend.store.base import Collection, Json, Store

__all__ = ["Searching"]


class _Sighting(msgspec.Struct, rename="camel"):
    schema_shape: dict[str, object]


_SIGHTINGS = msgspec.json.Decoder(_Sighting)


class Searching:
    """Asks the store; that the caller may is checked before."""

    def __init__(self, store: Store, cursors: CursorCodec, limits: QueryLimits) -> None:
        self._store = store
        self._cursors = cursors
        self._limits = limits

    def query(
        self, collection: Collection, project_id: str, condition: dict[str, object], *, limit: int, cursor: str | None
    ) -> tuple[Sequence[Json], str | None]:
        """Return a page, newest first, and the cursor of the next.

        Raises `BadRequest` if the filter is wrong or the cursor is of another query, `Unavailable` if it takes too
        long.
        """
        node = parse_filter(condition, collection, self._limits)
        bound = binding(project_id, collection, condition)
        after = None if cursor is None else self._cursors.decode(cursor, bound, Position)
        page = self._store.query(collection, project_id, node, limit=limit, after=after)
        following = page.next_position
        return page.documents, None if following is None else self._cursors.encode(following, bound)

    def schemas(self, project_id: str, step_name: str | None) -> Sequence[Json]:
        """List the shapes of steps' metadata, one by one."""
        return self._store.schemas(project_id, step_name)

    def schema(self, project_id: str, step_name: str | None) -> object:
        """Merge the shapes of steps' metadata into one."""
        found = self._store.schemas(project_id, step_name)
        return merge_shapes([_SIGHTINGS.decode(document).schema_shape for document in found])
