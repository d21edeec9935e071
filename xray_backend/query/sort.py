"""The order of an answer: one field, completed by `_id`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from xray_backend.errors import BadRequest
from xray_backend.query.limits import QueryLimits
from xray_backend.query.path import PathReader
from xray_backend.query.tree import Path

__all__ = ["TIME_FIELD", "Sort", "parse_sort"]

TIME_FIELD: Final[Mapping[Literal["steps", "traces"], str]] = {"steps": "timestamp", "traces": "createdAt"}
"""The time that orders a collection where nothing else is asked for."""


@dataclass(frozen=True)
class Sort:
    """A path, and 1 for ascending or -1 for descending; `_id` decides between equals, in the same direction."""

    path: Path
    direction: Literal[1, -1]

    def is_by_time(self, collection: Literal["steps", "traces"]) -> bool:
        """Tell whether this is the collection's own order, or its reverse."""
        return self.path == (TIME_FIELD[collection],)


def parse_sort(sort: object, collection: Literal["steps", "traces"], limits: QueryLimits) -> Sort:
    """Return the order. Raises `BadRequest` if it is not one stored field with 1 or -1."""
    if not isinstance(sort, dict) or len(sort) != 1:
        raise BadRequest('sort is an object with one field, such as {"metadata.score": -1}; `_id` completes it.')
    ((text, direction),) = sort.items()
    if isinstance(direction, bool) or direction not in (1, -1):
        raise BadRequest("The direction of sort must be 1 (ascending) or -1 (descending).")
    return Sort(PathReader(collection, limits).read(str(text), None).path, 1 if direction == 1 else -1)
