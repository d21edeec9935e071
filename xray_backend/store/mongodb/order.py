"""The order of a page, and what comes after its last document."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

from xray_backend.query.cursor import FieldPosition, Position
from xray_backend.query.path import ID_FIELD
from xray_backend.query.sort import Sort
from xray_backend.store.kinds import Kind
from xray_backend.store.mongodb.compile import Filter, field_name
from xray_backend.store.mongodb.field_names import escaped_keys
from xray_backend.store.places import place_of, value_at

__all__ = ["ByField", "ByTime"]

_BEHIND: Final = {1: "$gt", -1: "$lt"}
_BEFORE: Final = {1: "$lt", -1: "$gt"}

_TESTS: Final[Mapping[Kind, Filter]] = {
    Kind.NUMBER: {"$type": "number"},
    Kind.STRING: {"$type": "string"},
    Kind.OBJECT: {"$type": "object"},
    Kind.ARRAY: {"$elemMatch": {"$type": "array"}},
    Kind.BOOLEAN: {"$type": "bool"},
    Kind.DATE: {"$type": "date"},
}
"""Tests of the kinds that have values, in their order: whether a path reaches one."""


class ByTime:
    """The order of time and then `_id`."""

    def __init__(self, field: str, direction: int) -> None:
        self._field = field
        self._direction = direction
        self.keys: Sequence[tuple[str, int]] = [(field, direction), (ID_FIELD, direction)]

    def behind(self, after: Position) -> Filter:
        """Return the filter of what comes after a document."""
        time, beyond = DatetimeMS(after.time_ms), _BEHIND[self._direction]
        further = {self._field: time, ID_FIELD: {beyond: ObjectId(after.object_id)}}
        # The first test says no more than the second, but is one that an index can begin with.
        return {self._field: {f"{beyond}e": time}, "$or": [{self._field: {beyond: time}}, further]}


class ByField:
    """The order of a field and then `_id`; of several values in an array the first in the order counts."""

    def __init__(self, sort: Sort) -> None:
        self._path = sort.path
        self._direction = sort.direction
        self._field = field_name(sort.path)
        ordered = [] if self._field == ID_FIELD else [(self._field, self._direction)]
        self.keys: Sequence[tuple[str, int]] = [*ordered, (ID_FIELD, self._direction)]

    def position(self, document: Mapping[str, Any]) -> FieldPosition:
        """Return where a document is, as it is answered."""
        place = place_of(document, self._path, self._direction)
        return FieldPosition(int(place[0]), value_at(place), document[ID_FIELD])

    def behind(self, after: FieldPosition) -> Filter:
        """Return the filter of what comes after a document."""
        further = {ID_FIELD: {_BEHIND[self._direction]: ObjectId(after.object_id)}}
        if self._field == ID_FIELD:
            return further
        if after.kind in _TESTS:
            return self._behind_value(after, further)
        return self._rising(after, further) if self._direction == 1 else self._falling(after, further)

    def _rising(self, after: FieldPosition, further: Filter) -> Filter:
        """After null, which nothing but an empty array comes before."""
        if after.kind == Kind.EMPTY:
            return {"$or": [{self._field: {"$not": {"$size": 0}}}, further]}
        valued = {self._field: {"$exists": True, "$ne": None}}
        return {self._field: {"$not": {"$size": 0}}, "$or": [valued, further]}

    def _falling(self, after: FieldPosition, further: Filter) -> Filter:
        """After null, which nothing but an empty array comes behind."""
        empty = {self._field: {"$size": 0}}
        valued = [{self._field: test} for test in _TESTS.values()]
        if after.kind == Kind.EMPTY:
            return {**empty, **further}
        return {"$nor": valued, "$or": [empty, further]}

    def _behind_value(self, after: FieldPosition, further: Filter) -> Filter:
        """Return the filter of documents of which no value comes before, and none is equal unless the `_id` decides.

        Said in this way it holds for arrays as well: one whose first value came already does not come again.
        """
        value = DatetimeMS(after.value) if after.kind == Kind.DATE else escaped_keys(after.value)
        before: list[Filter] = [{_BEFORE[self._direction]: value}]
        before += [test for kind, test in _TESTS.items() if (after.kind - kind) * self._direction > 0]
        tests: Filter = {"$or": [{self._field: {"$ne": value}}, further]}
        if self._direction == 1:  # null and missing come first
            before += [{"$size": 0}, {"$eq": None}, {"$exists": False}]
        return {"$nor": [{self._field: test} for test in before], **tests}
