"""The order of a page by a field, and where it begins: one for all that are merged into it."""

import heapq
from collections.abc import Iterable
from typing import Any, TypeVar

from xray_backend.query.cursor import FieldPosition
from xray_backend.query.sort import Sort
from xray_backend.store.places import Place, place_at

__all__ = ["Order"]

T = TypeVar("T", bound="tuple[Any, ...]")


class Order:
    """Compares places and then `_id`s, ascending (1) or descending (-1), with the cursor that a page comes after."""

    def __init__(self, sort: Sort, after: FieldPosition | None) -> None:
        self.path = sort.path
        self.direction = sort.direction
        self.falls = sort.direction == -1
        self.after = after
        self._after_place = None if after is None else place_at(after.kind, after.value)

    def precedes(self, one: Any, other: Any) -> bool:
        """Tell whether one of two places or of two ids comes before the other."""
        return bool(one > other if self.falls else one < other)

    def first(self, rows: Iterable[T], wanted: int) -> list[T]:
        """Return the first of the rows after the cursor, in order; each begins with its place and its `_id`."""
        return (heapq.nlargest if self.falls else heapq.nsmallest)(wanted, filter(self._is_beyond, rows))

    def is_passed(self, place: Place) -> bool:
        """Tell whether all that has this place comes before the cursor."""
        return self._after_place is not None and self.precedes(place, self._after_place)

    def beyond(self, place: Place) -> str | None:
        """Return the `_id` after which documents of this place are wanted; None where all of them are."""
        return self.after.object_id if self.after is not None and place == self._after_place else None

    def _is_beyond(self, row: "tuple[Any, ...]") -> bool:
        place, object_id = row[:2]
        if self.is_passed(place):
            return False
        last = self.beyond(place)
        return last is None or self.precedes(last, object_id)
