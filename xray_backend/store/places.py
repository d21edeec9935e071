"""The place of a document in an order by one field, as MongoDB orders: by the type of the value, then by the value."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cmp_to_key
from typing import Any, Final, TypeAlias

import msgspec

from xray_backend.clock import whole_ms
from xray_backend.query.tree import Path
from xray_backend.query.values import compare
from xray_backend.store.kinds import KIND_OF, MARK, Kind

__all__ = ["Place", "place_at", "place_of", "value_at"]

Place: TypeAlias = tuple[int, Any]
"""A kind and a value of it; places compare as MongoDB's order says."""

_END_FIELD: Final = ("endedAt",)
"""The one time that is sorted by as a value; the times that order a collection are not read from the document."""

_ID_FIELD: Final = ("_id",)

_NULL: Final[Place] = (Kind.NULL, MARK)
_EMPTY: Final[Place] = (Kind.EMPTY, MARK)
_in_order = cmp_to_key(compare)


def place_of(document: Mapping[str, Any], path: Path, direction: int) -> Place:
    """Return the place of a document: of several values the least where the order ascends, else the greatest.

    An array takes part by its elements, an empty one comes before null, and what is missing is null.
    """
    if path == _ID_FIELD:
        return _NULL  # it completes every order, and so decides alone
    if path == _END_FIELD:
        ended_at = document.get(_END_FIELD[0])
        return _NULL if ended_at is None else (Kind.DATE, whole_ms(msgspec.convert(ended_at, datetime)))
    places = _places(document, path)
    return min(places) if direction == 1 else max(places)


def place_at(kind: int, value: object) -> Place:
    """Return the place of a value that stands in a cursor."""
    return (kind, _in_order(value)) if kind in (Kind.OBJECT, Kind.ARRAY) else (kind, value)


def value_at(place: Place) -> Any:
    """Return what `place_at` makes the place of again."""
    kind, value = place
    return value.obj if kind in (Kind.OBJECT, Kind.ARRAY) else value


def _places(value: object, path: Path) -> Iterator[Place]:
    """Yield the places of all values that a path reaches; there is always one."""
    if not path:
        yield from _end_places(value)
    elif isinstance(value, dict):
        yield from _places(value[path[0]], path[1:]) if path[0] in value else iter((_NULL,))
    elif isinstance(value, list) and value:
        index = int(path[0]) if path[0].isdecimal() else None
        if index is not None and index < len(value) and str(index) == path[0]:
            yield from _places(value[index], path[1:])
            return
        for element in value:
            yield from _places(element, path) if isinstance(element, dict) else iter((_NULL,))
    else:
        yield _NULL


def _end_places(value: object) -> Iterator[Place]:
    if not isinstance(value, list):
        yield _place(value)
    elif value:
        yield from map(_place, value)
    else:
        yield _EMPTY


def _place(value: object) -> Place:
    if isinstance(value, dict):
        return Kind.OBJECT, _in_order(value)
    if isinstance(value, list):
        return Kind.ARRAY, _in_order(value)
    return _NULL if value is None else (KIND_OF[type(value)], value)
