"""The documents that match a filter: those in blocks by the index, the newest rows behind it one by one."""
# ruff: noqa: S608 - what is put together are our own names and the compiled condition; every value is bound

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from xray_backend.query.sql import compile_condition
from xray_backend.query.tree import Node
from xray_backend.store.records import Collection, Json
from xray_backend.store.sqlite.index.bits import rising
from xray_backend.store.sqlite.index.block import TIME_COLUMN
from xray_backend.store.sqlite.index.bounds import Bounds
from xray_backend.store.sqlite.index.evaluate import evaluate
from xray_backend.store.sqlite.index.indexed_block import BlockRow, IndexedBlock, gone_of, rows_of
from xray_backend.store.sqlite.readers import Snapshot, within_a_page
from xray_backend.store.sqlite.visible import visible

__all__ = ["Finder", "Row"]

_FIRST_LOOKS: Final = 64
"""Documents that are looked at together where the index cannot tell: about a page."""

_MOST_LOOKS: Final = 2048
"""Where few of them match, more at once: each statement has its own cost."""

_MANY_BEHIND: Final = 4096
"""With more rows behind the index than this, the order of time finds a page sooner than reading them all."""

_ANSWERS_AT_ONCE: Final = 5
"""Documents read together: a page of fifty is eleven statements of some microseconds, and the largest are 1.3 MB."""


_AMONG: Final = "seq IN (SELECT value FROM json_each(?))"
"""A list of rows, bound as one parameter."""


class Row(NamedTuple):
    """Where a document stands in the order of time, and its row."""

    time_ms: int
    object_id: str
    seq: int


class Finder:
    """Finds the documents of one project that match, in one view of the database."""

    def __init__(self, snapshot: Snapshot, collection: Collection, project_id: str, condition: Node) -> None:
        self.snapshot = snapshot
        self.collection = collection
        self._project_id = project_id
        self._node = condition
        self._condition = compile_condition(condition, collection)

    @cached_property
    def rows(self) -> list[BlockRow]:
        """The blocks of the project, the newest first; none of one that is deleted."""
        if self.snapshot.first("SELECT 1 FROM deleted_projects WHERE project_id = ?", (self._project_id,)):
            return []
        return rows_of(self.snapshot, self.collection, self._project_id)

    def block(self, row: BlockRow) -> IndexedBlock:
        """Return a block, of which nothing is read yet; what is read is held as long as it is."""
        return IndexedBlock(self.snapshot, row, self._gone)

    @cached_property
    def _gone(self) -> list[int]:
        return gone_of(self.snapshot, self.collection, self._project_id)

    def bounds(self, block: IndexedBlock) -> Bounds:
        """Return what the index knows of a block. Raises `Unavailable` if the time limit is over."""
        self.snapshot.check_time()
        return evaluate(self._node, block, self.collection)

    def matching(self, block: IndexedBlock, sure: int, positions: Iterator[int]) -> Iterator[int]:
        """Yield those of the positions that match, in their order; the sure ones without a look."""
        looks = _FIRST_LOOKS
        while batch := list(islice(positions, looks)):
            unsure = [position for position in batch if not sure >> position & 1]
            confirmed = self._confirmed([block.seqs[position] for position in unsure]) if unsure else set()
            yield from (at for at in batch if sure >> at & 1 or block.seqs[at] in confirmed)
            looks = min(looks * 4, _MOST_LOOKS)

    def count(self) -> int:
        """Return how many documents match."""
        behind = self._behind("count(*)", "")
        total: int = self.snapshot.first(*behind)[0]
        for block in map(self.block, self.rows):
            sure, maybe = self.bounds(block)
            total += sure.bit_count()
            if maybe != sure:
                total += sum(1 for _ in self.matching(block, 0, rising(maybe & ~sure)))
        return total

    def behind(self, terms: str, parameters: Sequence[object], order: str, limit: int) -> list[Row]:
        """Return matching rows that no block holds yet, for which the terms hold too."""
        time = TIME_COLUMN[self.collection]
        sql, bound = self._behind(f"{time}, oid, seq", terms)
        return [Row(*row) for row in self.snapshot.all(f"{sql} ORDER BY {order} LIMIT ?", (*bound, *parameters, limit))]

    def documents_behind(self) -> Iterator[tuple[int, str, str]]:
        """Yield row, `_id` and text of each matching document that no block holds yet."""
        return self.snapshot.each(*self._behind("seq, oid, doc", ""))

    def documents(self, seqs: Iterable[int]) -> Iterator[tuple[int, str, str]]:
        """Yield row, `_id` and text of these documents, in no order."""
        sql = f"SELECT seq, oid, doc FROM {self.collection} WHERE {_AMONG}"
        return self.snapshot.each(sql, (_json(list(seqs)),))

    def answers(self, seqs: Sequence[int], limit: int) -> tuple[list[Json], bool]:
        """Return these documents as they are answered, in this order, and whether there are more than fit a page."""
        answers, more = within_a_page(((text,) for text in self._texts(seqs)), limit)
        return [row[0] for row in answers], more

    def _texts(self, seqs: Sequence[int]) -> Iterator[Json]:
        sql = f"SELECT seq, CAST(doc AS BLOB) FROM {self.collection} WHERE {_AMONG}"
        for at in range(0, len(seqs), _ANSWERS_AT_ONCE):
            some = seqs[at : at + _ANSWERS_AT_ONCE]
            found = dict(self.snapshot.all(sql, (_json(some),)))
            yield from (found[seq] for seq in some)

    def _behind(self, columns: str, terms: str) -> tuple[str, list[object]]:
        """Return the statement for rows that no block holds yet, and its parameters but those of the terms."""
        indexed_to, newest = self.snapshot.first(
            f"SELECT indexed_to, (SELECT max(seq) FROM {self.collection}) FROM index_progress WHERE collection = ?",
            (self.collection,),
        )
        few = (newest or 0) - indexed_to <= _MANY_BEHIND
        table = f"{self.collection} NOT INDEXED" if few else self.collection
        seq = "seq" if few else "+seq"  # the sign keeps SQLite from reading by row
        conditions, parameters = visible(self._project_id, by_trace=self.collection == "steps")
        where = " AND ".join([f"{seq} > ?", "project_id = ?", *conditions, f"({self._condition.sql})"])
        sql = f"SELECT {columns} FROM {table} WHERE {where}{terms}"
        return sql, [indexed_to, self._project_id, *parameters, *self._condition.params]

    def _confirmed(self, seqs: Sequence[int]) -> set[int]:
        sql = f"SELECT seq FROM {self.collection} WHERE {_AMONG} AND ({self._condition.sql})"
        return {row[0] for row in self.snapshot.all(sql, (_json(seqs), *self._condition.params))}


def _json(seqs: Sequence[int]) -> str:
    return msgspec.json.encode(seqs).decode()
