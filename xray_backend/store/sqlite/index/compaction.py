"""Looking after the blocks that are there: noting what is gone, and making large blocks of small ones."""
# ruff: noqa: S608 - what is put together are our own names; every value is bound

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

import msgspec

from xray_backend.store.records import Collection
from xray_backend.store.sqlite.connection import transaction
from xray_backend.store.sqlite.index.bits import all_bits, bits_of, from_bitmap, numbers, rising, to_bitmap
from xray_backend.store.sqlite.index.block import DOCUMENT_COLUMNS, MOST_DOCUMENTS, Document, make_block

__all__ = ["Compaction"]

_BLOCKS_OF_A_TIER: Final = 16
"""So many blocks of one order of size become one, and that is 16 times as large: a document is taken apart three
times at most until it is in a full block, and a project has 16 small blocks at most of each of three orders."""

_LARGE_ENOUGH: Final = MOST_DOCUMENTS // 4
"""A block of more stays as it is: to make it anew costs what it did at first, and spares little of a look-up."""

_GONE_SHARE: Final = 4
"""A block of which more than a quarter is gone is made anew."""

_GONE_AT_ONCE: Final = 4096
"""Rows that are noted in one transaction, so that none is long."""


class _Block(NamedTuple):
    block_id: int
    size: int
    weight: int
    gone_count: int

    @property
    def tier(self) -> int:
        """The order of size: 1 to 15, 16 to 255, 256 to 4,095, and so on."""
        return (self.weight.bit_length() - 1) // 4


class Compaction:
    """Works on the blocks of one collection."""

    def __init__(self, connection: sqlite3.Connection, collection: Collection) -> None:
        self._connection = connection
        self._collection = collection
        sql = "SELECT DISTINCT project_id FROM index_blocks WHERE collection = ?"
        self._due = {row[0] for row in connection.execute(sql, (collection,))}
        """Projects that may have something to be made anew; at the start, all."""

    def run(self, touched: Iterable[str]) -> bool:
        """Do what is due after blocks of these projects were made, and tell whether there was anything."""
        noted = self._note_gone()
        self._due.update(touched, noted)
        worked = bool(noted)
        while self._due:
            project_id = self._due.pop()
            while sources := self._next_sources(project_id):
                self._replace(project_id, sources)
                worked = True
        return worked

    def renew_one(self) -> bool:
        """Make the block anew of which most is gone, however little, and tell whether there was one."""
        row = self._connection.execute(
            "SELECT project_id, block_id, size, weight, gone_count FROM index_blocks"
            " WHERE collection = ? AND gone_count > 0 ORDER BY gone_count DESC LIMIT 1",
            (self._collection,),
        ).fetchone()
        if row is None:
            return False
        self._replace(row[0], [_Block(*row[1:])])
        return True

    # -- what is gone -----------------------------------------------------------------------------------

    def _note_gone(self) -> set[str]:
        """Move what the triggers noted into the blocks, and return the projects concerned."""
        rows = self._connection.execute(
            "SELECT project_id, seq FROM index_gone WHERE collection = ?"
            " AND seq <= (SELECT indexed_to FROM index_progress WHERE collection = ?) LIMIT ?",
            (self._collection, self._collection, _GONE_AT_ONCE),
        ).fetchall()
        if not rows:
            return set()
        changes = [
            change
            for project_id, group in groupby(sorted(rows), itemgetter(0))
            for change in self._gone_changes(project_id, {seq for _, seq in group})
        ]
        with transaction(self._connection):
            self._connection.executemany("UPDATE index_blocks SET gone = ?, gone_count = ? WHERE block_id = ?", changes)
            self._connection.executemany(
                "DELETE FROM index_gone WHERE collection = ? AND project_id = ? AND seq = ?",
                [(self._collection, *row) for row in rows],
            )
        return {project_id for project_id, _ in rows}

    def _gone_changes(self, project_id: str, seqs: set[int]) -> Iterator[tuple[bytes, int, int]]:
        """Yield what is gone of each block now, how many that are, and the block; looked up while others may write."""
        blocks = self._connection.execute(
            "SELECT block_id, size, gone, seqs FROM index_blocks"
            " WHERE collection = ? AND project_id = ? AND first_seq <= ? AND last_seq >= ?",
            (self._collection, project_id, max(seqs), min(seqs)),
        )
        for block_id, size, gone, packed in blocks:
            found = bits_of([at for at, seq in enumerate(numbers("q", packed)) if seq in seqs], size)
            if found:
                bits = from_bitmap(gone) | found
                yield to_bitmap(bits, size), bits.bit_count(), block_id

    # -- large blocks of small ones ---------------------------------------------------------------------

    def _next_sources(self, project_id: str) -> Sequence[_Block]:
        """Return the blocks that are to become one; none where all is well."""
        blocks = [
            _Block(*row)
            for row in self._connection.execute(
                "SELECT block_id, size, weight, gone_count FROM index_blocks"
                " WHERE collection = ? AND project_id = ? ORDER BY first_seq",
                (self._collection, project_id),
            )
        ]
        for block in blocks:
            if block.gone_count * _GONE_SHARE > block.size:
                return [block]
        small = sorted((block for block in blocks if block.weight <= _LARGE_ENOUGH), key=lambda block: block.tier)
        for _, group in groupby(small, lambda block: block.tier):
            tier = list(group)
            if len(tier) >= _BLOCKS_OF_A_TIER:
                return list(_within(tier, MOST_DOCUMENTS))
        return []

    def _replace(self, project_id: str, sources: Sequence[_Block]) -> None:
        """Put one block in the place of several; what is deleted meanwhile is noted by seq, for old and new alike."""
        documents = [document for source in sources for document in self._documents(source)]
        block = make_block(self._collection, project_id, documents) if documents else None
        ids = [(source.block_id,) for source in sources]
        with transaction(self._connection):
            self._connection.executemany("DELETE FROM index_chunks WHERE block_id = ?", ids)
            self._connection.executemany("DELETE FROM index_blocks WHERE block_id = ?", ids)
            if block is not None:
                block.insert(self._connection)

    def _documents(self, source: _Block) -> Iterator[Document]:
        """Yield what is left of a block."""
        gone, packed = self._connection.execute(
            "SELECT gone, seqs FROM index_blocks WHERE block_id = ?", (source.block_id,)
        ).fetchone()
        seqs = numbers("q", packed)
        alive = all_bits(source.size) & ~from_bitmap(gone)
        rows = self._connection.execute(
            f"SELECT {DOCUMENT_COLUMNS[self._collection]} FROM {self._collection}"
            " WHERE seq IN (SELECT value FROM json_each(?))",
            (msgspec.json.encode([seqs[at] for at in rising(alive)]).decode(),),
        )
        return (Document(*row) for row in rows)


def _within(blocks: Iterable[_Block], most: int) -> Iterator[_Block]:
    """Yield blocks from the first on, while they fit together into one."""
    for block in blocks:
        most -= block.weight
        if most < 0:
            return
        yield block
