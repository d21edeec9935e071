"""Pages in the order of any field: blocks, and rows that no block holds yet, are merged by place."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import msgspec

from xray_backend.query.cursor import FieldPosition
from xray_backend.query.sort import Sort
from xray_backend.store.places import Place, place_of, value_at
from xray_backend.store.records import Page
from xray_backend.store.sqlite.index.finder import Finder
from xray_backend.store.sqlite.index.order import Order
from xray_backend.store.sqlite.index.ordered_block import Group, OrderedBlock

__all__ = ["page_by_field"]

_decode = msgspec.json.Decoder().decode


class _Found(NamedTuple):
    place: Place
    object_id: str
    seq: int


def page_by_field(finder: Finder, sort: Sort, limit: int, after: FieldPosition | None) -> Page:
    """Return a page by the field and then `_id`, and where the next one begins."""
    found = _Merge(finder, Order(sort, after)).first(limit + 1)
    answers, more = finder.answers([row.seq for row in found], limit)
    if not more:
        return Page(answers, None)
    place, object_id, _ = found[len(answers) - 1]
    return Page(answers, FieldPosition(int(place[0]), value_at(place), object_id))


class _Merge:
    def __init__(self, finder: Finder, order: Order) -> None:
        self._finder = finder
        self._order = order

    def first(self, wanted: int) -> list[_Found]:
        """Return the first rows after the cursor."""
        sources: list[Iterable[_Found | Group]] = [self._behind(wanted)]
        for block in map(self._finder.block, self._finder.rows):
            sources.append(OrderedBlock(self._finder, block, self._order, wanted).groups())
        merged: Iterator[_Found | Group] = heapq.merge(*sources, key=attrgetter("place"), reverse=self._order.falls)
        found: list[_Found] = []
        for place, alike in groupby(merged, attrgetter("place")):
            if not self._order.is_passed(place):
                found.extend(self._of_one_place(place, alike, wanted - len(found)))
            if len(found) >= wanted:
                break
        return found

    def _behind(self, wanted: int) -> list[_Found]:
        """Return the first of the rows that no block holds yet."""
        rows = (
            _Found(place_of(_decode(text), self._order.path, self._order.direction), object_id, seq)
            for seq, object_id, text in self._finder.documents_behind()
        )
        return self._order.first(rows, wanted)

    def _of_one_place(self, place: Place, alike: "Iterable[_Found | Group]", wanted: int) -> list[_Found]:
        """Return the first by `_id`; a block whose ids all come later is not read."""
        rows: list[_Found] = []
        groups: list[Group] = []
        for item in alike:
            if isinstance(item, Group):
                groups.append(item)
            else:
                rows.append(item)
        beyond = self._order.beyond(place)
        groups.sort(key=self._nearest, reverse=self._order.falls)
        for group in groups:
            if len(rows) == wanted and self._order.precedes(rows[-1].object_id, self._nearest(group)):
                break
            rows.extend(_Found(place, *row) for row in group.source.rows(group.bits, wanted, beyond))
            rows.sort(key=attrgetter("object_id"), reverse=self._order.falls)
            del rows[wanted:]
        return rows[:wanted]

    def _nearest(self, group: Group) -> str:
        row = group.source.block.row
        return row.last_oid if self._order.falls else row.first_oid
