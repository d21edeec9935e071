"""Pages in the order of any field: blocks, and rows that no block holds yet, are merged by place."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import msgspec

from xray_backend.query.cursor import FieldPosition
from xray_backend.query.sort import Sort
from xray_backend.store.base import Page
from xray_backend.store.sqlite.index.finder import Finder
from xray_backend.store.sqlite.index.ordered_block import Group, OrderedBlock
from xray_backend.store.sqlite.index.places import Place, place_at, place_of, value_at

__all__ = ["page_by_field"]

_decode = msgspec.json.Decoder().decode


class _Found(NamedTuple):
    place: Place
    object_id: str
    seq: int


def page_by_field(finder: Finder, sort: Sort, limit: int, after: FieldPosition | None) -> Page:
    """Return a page by the field and then `_id`, and where the next one begins."""
    found = _Merge(finder, sort, after).first(limit + 1)
    answers, more = finder.answers([row.seq for row in found], limit)
    if not more:
        return Page(answers, None)
    place, object_id, _ = found[len(answers) - 1]
    return Page(answers, FieldPosition(int(place[0]), value_at(place), object_id))


class _Merge:
    def __init__(self, finder: Finder, sort: Sort, after: FieldPosition | None) -> None:
        self._finder = finder
        self._sort = sort
        self._after = after
        self._after_place = None if after is None else place_at(after.kind, after.value)
        self._falls = sort.direction == -1

    def first(self, wanted: int) -> list[_Found]:
        """Return the first rows after the cursor."""
        sources: list[Iterable[_Found | Group]] = [self._behind(wanted)]
        for block in map(self._finder.block, self._finder.rows):
            sources.append(OrderedBlock(self._finder, block, self._sort, self._after, wanted).groups())
        merged: Iterator[_Found | Group] = heapq.merge(*sources, key=attrgetter("place"), reverse=self._falls)
        found: list[_Found] = []
        for place, alike in groupby(merged, attrgetter("place")):
            if not self._is_passed(place):
                found.extend(self._of_one_place(place, alike, wanted - len(found)))
            if len(found) >= wanted:
                break
        return found

    def _behind(self, wanted: int) -> list[_Found]:
        """Return the first of the rows that no block holds yet."""
        rows = (
            _Found(place_of(_decode(text), self._sort.path, self._sort.direction), object_id, seq)
            for seq, object_id, text in self._finder.documents_behind()
        )
        beyond = (row for row in rows if self._is_beyond(row))
        return heapq.nlargest(wanted, beyond) if self._falls else heapq.nsmallest(wanted, beyond)

    def _of_one_place(self, place: Place, alike: "Iterable[_Found | Group]", wanted: int) -> list[_Found]:
        """Return the first by `_id`; a block whose ids all come later is not read."""
        rows: list[_Found] = []
        groups: list[Group] = []
        for item in alike:
            if isinstance(item, Group):
                groups.append(item)
            else:
                rows.append(item)
        beyond = self._after.object_id if self._after is not None and place == self._after_place else None
        groups.sort(key=self._nearest, reverse=self._falls)
        for group in groups:
            if len(rows) == wanted and self._precedes(rows[-1].object_id, self._nearest(group)):
                break
            rows.extend(_Found(place, *row) for row in group.source.rows(group.bits, wanted, beyond))
            rows.sort(key=attrgetter("object_id"), reverse=self._falls)
            del rows[wanted:]
        return rows[:wanted]

    def _nearest(self, group: Group) -> str:
        row = group.source.block.row
        return row.last_oid if self._falls else row.first_oid

    def _precedes(self, object_id: str, other: str) -> bool:
        return object_id > other if self._falls else object_id < other

    def _is_passed(self, place: Place) -> bool:
        if self._after_place is None or place == self._after_place:
            return False
        return place > self._after_place if self._falls else place < self._after_place

    def _is_beyond(self, row: _Found) -> bool:
        if self._after is None or self._after_place is None:
            return True
        here, there = (row.place, row.object_id), (self._after_place, self._after.object_id)
        return here < there if self._falls else here > there
