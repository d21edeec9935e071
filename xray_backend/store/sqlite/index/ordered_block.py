"""A block's matching documents in the order of a field, as far as they are asked for."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Final

import msgspec

from xray_backend.query.cursor import FieldPosition
from xray_backend.store.kinds import LONGEST_TEXT, MARK, ORDERED, Kind, is_cut
from xray_backend.store.places import Place, place_of
from xray_backend.store.sqlite.index.bits import bits_of, rising, to_bitmap
from xray_backend.store.sqlite.index.chunk import Key
from xray_backend.store.sqlite.index.finder import Finder
from xray_backend.store.sqlite.index.indexed_block import IndexedBlock, Span
from xray_backend.store.sqlite.index.order import Order

__all__ = ["Group", "OrderedBlock"]

_ORDER: Final = (
    Kind.EMPTY,
    Kind.NULL,
    Kind.NUMBER,
    Kind.STRING,
    Kind.OBJECT,
    Kind.ARRAY,
    Kind.BOOLEAN,
    Kind.DATE,
)

_FEW: Final = 8
"""Times what is wanted: so many are sorted; among more, the block's own order of `_id` is followed instead."""

_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True)
class Group:
    """Documents of one block that have the same place, and may match."""

    place: Place
    source: "OrderedBlock"
    bits: int


class OrderedBlock:
    """Takes a block apart by the places of its documents."""

    def __init__(self, finder: Finder, block: IndexedBlock, order: Order, wanted: int) -> None:
        """`wanted` is how many rows are asked for at most."""
        self.block = block
        self._finder = finder
        self._order = order
        self._direction = order.direction
        self._after = order.after
        self._name = ".".join(order.path)
        self._wanted = wanted
        self._sure, self._left = finder.bounds(block)

    def groups(self) -> Iterator[Group]:
        """Yield the groups in order; some that lie before the cursor may be among them."""
        doubtful = self._left & self._doubtful() if self._left else 0
        self._left &= ~doubtful
        if self._after is not None and self._left:
            self._left &= ~self._passed_by_another_value(self._after)
        if not doubtful:
            return self._known_groups()
        read = self._read_groups(doubtful)
        return heapq.merge(read, self._known_groups(), key=attrgetter("place"), reverse=self._order.falls)

    def rows(self, bits: int, wanted: int, beyond: str | None) -> list[tuple[str, int]]:
        """Return `_id` and row of the first documents of a group that match; those beyond an `_id`, if one is given."""
        found = []
        for position in self._finder.matching(self.block, self._sure, self._by_object_id(bits, wanted)):
            object_id = self.block.object_id(position)
            if beyond is not None and not self._order.precedes(beyond, object_id):
                continue
            found.append((object_id, self.block.seqs[position]))
            if len(found) == wanted:
                break
        return found

    def _by_object_id(self, bits: int, wanted: int) -> Iterator[int]:
        if bits.bit_count() <= _FEW * wanted:
            return iter(sorted(rising(bits), key=self.block.object_id, reverse=self._order.falls))
        by_object_id = self.block.by_object_id
        order = reversed(by_object_id) if self._order.falls else iter(by_object_id)
        flags = to_bitmap(bits, self.block.size)
        return (position for position in order if flags[position >> 3] >> (position & 7) & 1)

    def _doubtful(self) -> int:
        """Return the positions whose places are read from the documents.

        An element of an array on the way may lack the field. And where only some match, they are sooner read than
        met among all values.
        """
        if self._left.bit_count() <= self._wanted:
            return self._left
        doubtful = self.block.opaque
        for length in range(1, len(self._order.path)):
            doubtful |= self.block.marked(".".join(self._order.path[:length]), Kind.ARRAY)
        return doubtful

    def _passed_by_another_value(self, after: FieldPosition) -> int:
        """Return the arrays that came before the cursor already, by a value that comes before it."""
        arrays = self._left & self.block.marked(self._name, Kind.ARRAY)
        if not arrays:
            return 0
        passed = 0
        for kind in _ORDER[:: self._direction]:
            if kind == after.kind:
                break
            passed |= self._holding(kind)
        if after.kind in ORDERED or after.kind == Kind.BOOLEAN:
            start = self._start(Kind(after.kind))
            span = Span(None, start, with_high=False) if self._direction == 1 else Span(start, None, with_low=False)
            passed |= self.block.between(self._name, Kind(after.kind), span)
        return arrays & passed

    def _known_groups(self) -> Iterator[Group]:
        for kind in _ORDER[:: self._direction]:
            if not self._left:
                return
            if self._after is None or (kind - self._after.kind) * self._direction >= 0:
                yield from self._groups_of(kind)

    def _groups_of(self, kind: Kind) -> Iterator[Group]:
        if kind in (Kind.EMPTY, Kind.NULL):
            yield from self._group((kind, MARK), self._holding(kind))
        elif kind in (Kind.OBJECT, Kind.ARRAY):
            yield from self._read_groups(self._taken(self._holding(kind)))
        else:
            yield from self._value_groups(kind)

    def _holding(self, kind: Kind) -> int:
        """Return the positions with a value of this kind."""
        if kind is Kind.NULL:
            missing = self.block.every & ~self.block.marked(self._name, Kind.EXISTS)
            return missing | self.block.marked(self._name, kind)
        return self.block.between(self._name, Kind.NESTED if kind is Kind.ARRAY else kind, Span())

    def _value_groups(self, kind: Kind) -> Iterator[Group]:
        values = self.block.walk(self._name, kind, self._direction, self._start(kind), lambda: self._left)
        for (cut, _), alike in groupby(values, lambda found: _likeness(found[0])):
            if cut:
                together = 0
                for _, bits in alike:
                    together |= bits
                yield from self._read_groups(self._taken(together))
            else:
                for key, bits in alike:
                    yield from self._group((kind, key), bits)

    def _start(self, kind: Kind) -> Key | None:
        """Return from where on the values of a kind are asked for."""
        if self._after is None or self._after.kind != kind:
            return None
        value = self._after.value
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            return value[:LONGEST_TEXT] + ("" if self._direction == 1 else "g")  # before, or after, all that begin so
        return value  # type: ignore[no-any-return]

    def _group(self, place: Place, bits: int) -> Iterator[Group]:
        taken = self._taken(bits)
        if taken:
            yield Group(place, self, taken)

    def _taken(self, bits: int) -> int:
        """Return what is left of these positions: a document comes at the first of its values."""
        taken = self._left & bits
        self._left &= ~taken
        return taken

    def _read_groups(self, bits: int) -> Iterator[Group]:
        """Read the documents that match for their places; no more are kept than are asked for, they may be long."""
        matching = list(self._finder.matching(self.block, self._sure, rising(bits)))
        self._sure |= bits_of(matching, self.block.size)
        position_of = {self.block.seqs[position]: position for position in matching}
        rows = (
            (place_of(_decode(text), self._order.path, self._direction), object_id, position_of[seq])
            for seq, object_id, text in self._finder.documents(position_of)
        )
        for place, alike in groupby(self._order.first(rows, self._wanted), itemgetter(0)):
            yield Group(place, self, bits_of([position for _, _, position in alike], self.block.size))


def _likeness(key: Key) -> tuple[bool, str]:
    """Tell long strings that begin alike from all others."""
    return (True, key[:LONGEST_TEXT]) if isinstance(key, str) and is_cut(key) else (False, "")
