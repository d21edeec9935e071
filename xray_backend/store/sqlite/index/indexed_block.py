"""A block that is read: which positions hold a value, and which document stands at a position."""

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, reduce
from operator import or_
from typing import Final, NamedTuple

from xray_backend.store.kinds import MARK, Kind, is_cut
from xray_backend.store.records import Collection
from xray_backend.store.sqlite.index.bits import all_bits, bits_of, from_bitmap, numbers
from xray_backend.store.sqlite.index.block import OID_BYTES
from xray_backend.store.sqlite.index.chunk import Chunk, Key
from xray_backend.store.sqlite.readers import Snapshot

__all__ = ["BlockRow", "IndexedBlock", "Span", "gone_of", "rows_of"]

_BLOCKS: Final = """
SELECT block_id, size, first_ms, last_ms, first_seq, last_seq, first_oid, last_oid
FROM index_blocks WHERE collection = ? AND project_id = ? ORDER BY last_ms DESC
"""
_GONE: Final[Mapping[Collection, str]] = {
    "traces": "SELECT seq FROM index_gone WHERE collection = 'traces' AND project_id = ?1 ORDER BY seq",
    "steps": """
        SELECT seq FROM index_gone WHERE collection = 'steps' AND project_id = ?1
        UNION ALL SELECT seq FROM steps WHERE project_id = ?1 AND trace_id IN
            (SELECT trace_id FROM deleted_traces WHERE project_id = ?1 AND removed = 0)
        ORDER BY seq
    """,
}
"""Deleted ones that are not noted in their blocks yet, and those that are about to go."""

_CHUNKS: Final = "SELECT payload FROM index_chunks WHERE block_id = ? AND path = ? AND kind = ?"
_FROM: Final = """ AND first >= coalesce(
    (SELECT max(first) FROM index_chunks WHERE block_id = ? AND path = ? AND kind = ? AND first <= ?), ?)"""
_TO: Final = " AND first <= ?"
_LAST_TO: Final = " AND first <= ? ORDER BY first DESC LIMIT 1"
_NEXT: Final = {1: " AND first > ? ORDER BY first LIMIT 1", -1: " AND first < ? ORDER BY first DESC LIMIT 1"}

_FEW_KEYS: Final = 8
"""A look-up reads one chunk; more of them read all chunks between the first and the last, once each."""

_FIRST_SURROGATE: Final = 0xD800
_AFTER_SURROGATES: Final = 0xE000
"""What lies between are no characters, and no text has them."""


class Span(NamedTuple):
    """A range of values; None is no bound."""

    low: Key | None = None
    high: Key | None = None
    with_low: bool = True
    with_high: bool = True

    def start(self, values: Sequence[Key]) -> int:
        """Return the index of the first of these ascending values that is within."""
        if self.low is None:
            return 0
        return (bisect_left if self.with_low else bisect_right)(values, self.low)

    def end(self, values: Sequence[Key]) -> int:
        """Return the index after the last of these ascending values that is within."""
        if self.high is None:
            return len(values)
        return (bisect_right if self.with_high else bisect_left)(values, self.high)


class _Positions:
    """Gathers the positions of many values, and makes one set of them at the end."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._found = 0
        self._listed: array[int] = array("H")

    def take(self, chunk: Chunk, first: int, end: int) -> None:
        """Add the positions of a chunk's values from an index to before another."""
        self._found |= chunk.collect(first, end, self._listed)

    def bits(self) -> int:
        """Return all of them, as a set."""
        return self._found | bits_of(self._listed, self._size)


class BlockRow(NamedTuple):
    """What is known of a block without reading it."""

    block_id: int
    size: int
    first_ms: int
    last_ms: int
    first_seq: int
    last_seq: int
    first_oid: str
    last_oid: str


def rows_of(snapshot: Snapshot, collection: Collection, project_id: str) -> list[BlockRow]:
    """Return a project's blocks, the newest first."""
    return [BlockRow(*row) for row in snapshot.all(_BLOCKS, (collection, project_id))]


def gone_of(snapshot: Snapshot, collection: Collection, project_id: str) -> list[int]:
    """Return the rows that no block of a project shows any more, ascending."""
    return [row[0] for row in snapshot.all(_GONE[collection], (project_id,))]


class IndexedBlock:
    """Reads one block, each part when it is first needed."""

    def __init__(self, snapshot: Snapshot, row: BlockRow, gone: Sequence[int]) -> None:
        self._snapshot = snapshot
        self.row = row
        self.size = row.size
        self.every: Final = all_bits(row.size)
        self._gone = gone[bisect_left(gone, row.first_seq) : bisect_right(gone, row.last_seq)]

    # -- what stands at a position ----------------------------------------------------------------------

    @cached_property
    def alive(self) -> int:
        """The positions whose documents are still there."""
        gone = from_bitmap(self._blob("gone"))
        if self._gone:
            rows = frozenset(self._gone)
            gone |= bits_of([at for at, seq in enumerate(self.seqs) if seq in rows], self.size)
        return self.every & ~gone

    @cached_property
    def opaque(self) -> int:
        """The positions of which not everything is known."""
        return from_bitmap(self._blob("opaque"))

    @cached_property
    def seqs(self) -> "array[int]":
        """The rows of the documents."""
        return numbers("q", self._blob("seqs"))

    @cached_property
    def times(self) -> "array[int]":
        """The times of the documents, ascending."""
        return numbers("q", self._blob("times"))

    @cached_property
    def by_object_id(self) -> "array[int]":
        """The positions in the order of `_id`."""
        return numbers("H", self._blob("by_oid"))

    def object_id(self, position: int) -> str:
        """Return the `_id` of a document."""
        return self._object_ids[position * OID_BYTES : (position + 1) * OID_BYTES].hex()

    @cached_property
    def _object_ids(self) -> bytes:
        return self._blob("oids")

    def with_object_ids(self, span: "Span") -> int:
        """Return the positions whose `_id` lies within the span."""
        low, high = str(span.low or ""), str(span.high or "g")  # no digit is greater than f
        if low > self.row.last_oid or high < self.row.first_oid:
            return 0
        order, first, end = self.by_object_id, 0, self.size
        if span.low is not None:
            first = (bisect_left if span.with_low else bisect_right)(order, low, key=self.object_id)
        if span.high is not None:
            end = (bisect_right if span.with_high else bisect_left)(order, high, key=self.object_id)
        return bits_of(order[first:end], self.size)

    def before(self, time_ms: int, object_id: str) -> int:
        """Return how many documents stand before this place in the order of time and `_id`."""
        first = bisect_left(self.times, time_ms)
        end = bisect_right(self.times, time_ms, first)
        return bisect_left(range(end), object_id, first, end, key=self.object_id)

    # -- where a value stands ---------------------------------------------------------------------------

    def marked(self, path: str, kind: Kind) -> int:
        """Return the positions with this fact."""
        return self.equal(path, kind, MARK)

    def equal(self, path: str, kind: Kind, key: Key) -> int:
        """Return the positions that hold this value."""
        chunk = self._chunk(path, kind, _LAST_TO, (key,))
        return 0 if chunk is None else chunk.find(key)

    def equal_any(self, path: str, kind: Kind, keys: Sequence[Key]) -> int:
        """Return the positions that hold any of these values; of many, each chunk is read once."""
        if len(keys) <= _FEW_KEYS:
            return reduce(or_, (self.equal(path, kind, key) for key in keys), 0)
        ordered = sorted(keys)
        found, at = 0, 0
        for chunk in self.chunks(path, kind, low=ordered[0], high=ordered[-1]):
            end = bisect_right(ordered, chunk.values[-1], at)
            found = reduce(or_, map(chunk.find, ordered[at:end]), found)
            at = end
        return found

    def between(self, path: str, kind: Kind, span: Span) -> int:
        """Return the positions that hold a value within the span."""
        chunks = list(self.chunks(path, kind, low=span.low, high=span.high))
        found = _Positions(self.size)
        for number, chunk in enumerate(chunks):
            # Only the first chunk can begin below the span, and only the last can end above it.
            first = span.start(chunk.values) if number == 0 else 0
            end = span.end(chunk.values) if number == len(chunks) - 1 else len(chunk)
            found.take(chunk, first, end)
        return found.bits()

    def texts(self, path: str, beginning: str, test: Callable[[str], bool]) -> tuple[int, int]:
        """Return the positions of strings that begin so: of those that pass the test, and of those that are cut."""
        span = Span(beginning, _after_all(beginning), with_high=False) if beginning else Span()
        passed, cut = _Positions(self.size), _Positions(self.size)
        for chunk in self.chunks(path, Kind.STRING, low=span.low, high=span.high):
            for index in range(span.start(chunk.values), span.end(chunk.values)):
                key = str(chunk.values[index])
                if is_cut(key):
                    cut.take(chunk, index, index + 1)
                elif test(key):
                    passed.take(chunk, index, index + 1)
        return passed.bits(), cut.bits()

    def walk(
        self, path: str, kind: Kind, direction: int, start: Key | None, among: Callable[[], int]
    ) -> Iterator[tuple[Key, int]]:
        """Yield values with their positions, ascending (1) or descending (-1) from a value on.

        A chunk is read when its first value is asked for. A value none of whose positions is among those that are
        then asked for may be left out.
        """
        chunk = self._chunk(path, kind, *_beginning(path, kind, direction, start, self.row.block_id))
        while chunk is not None:
            span = Span(start, None) if direction == 1 else Span(None, start)
            order = range(span.start(chunk.values), span.end(chunk.values))
            there = _Positions(self.size)
            there.take(chunk, order.start, order.stop)
            hits = there.bits() & among()
            for index in order[::direction] if hits else ():
                bits = chunk.bits(index)
                if bits & hits:
                    yield chunk.values[index], bits
            chunk = self._chunk(path, kind, _NEXT[direction], (chunk.values[0],))

    def _chunk(self, path: str, kind: Kind, terms: str, parameters: tuple[object, ...]) -> Chunk | None:
        row = self._snapshot.first(f"{_CHUNKS}{terms}", (self.row.block_id, path, int(kind), *parameters))
        return None if row is None else Chunk(row[0], self.size)

    def chunks(self, path: str, kind: Kind, *, low: Key | None = None, high: Key | None = None) -> Iterator[Chunk]:
        """Yield the chunks that may hold values from low to high (None: without a bound), ascending."""
        where = (self.row.block_id, path, int(kind))
        sql, parameters = _CHUNKS, [*where]
        if low is not None:
            sql, parameters = sql + _FROM, [*parameters, *where, low, low]
        if high is not None:
            sql, parameters = sql + _TO, [*parameters, high]
        for row in self._snapshot.all(sql + " ORDER BY first", parameters):
            self._snapshot.check_time()  # a hundred patterns may be tried on each of many values
            yield Chunk(row[0], self.size)

    def _blob(self, column: str) -> bytes:
        sql = f"SELECT {column} FROM index_blocks WHERE block_id = ?"  # noqa: S608 - a name of our own
        found: bytes = self._snapshot.first(sql, (self.row.block_id,))[0]
        return found


def _after_all(beginning: str) -> str | None:
    """Return the least string that comes after all that begin so; None where there is none."""
    kept = beginning.rstrip(chr(sys.maxunicode))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(_AFTER_SURROGATES if following == _FIRST_SURROGATE else following)


def _beginning(
    path: str, kind: Kind, direction: int, start: Key | None, block_id: int
) -> tuple[str, tuple[object, ...]]:
    """Return the terms for the chunk in which a walk begins."""
    if direction == -1:
        return (" ORDER BY first DESC LIMIT 1", ()) if start is None else (_LAST_TO, (start,))
    if start is None:
        return " ORDER BY first LIMIT 1", ()
    return _FROM + " ORDER BY first LIMIT 1", (block_id, path, int(kind), start, start)
