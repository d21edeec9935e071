"""Keeps the index up with the documents, in rounds; any number of rounds may run, and none must.

A document that no block holds yet is found all the same: queries read the rows behind `indexed_to` one by one.
Only one indexer may run on a database at a time.
"""
# ruff: noqa: S608 - what is put together are our own names; every value is bound

import time
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final, get_args

from xray_backend.store.records import Collection
from xray_backend.store.sqlite.connection import open_connection, transaction
from xray_backend.store.sqlite.index.block import (
    DOCUMENT_COLUMNS,
    MOST_DOCUMENTS,
    Document,
    document_weight,
    make_block,
)
from xray_backend.store.sqlite.index.compaction import Compaction

__all__ = ["Indexer"]

_COLLECTIONS: Final[tuple[Collection, ...]] = get_args(Collection)

_LEAST_ROWS: Final = 512
"""So many rows wait before blocks are made of them; a query reads them in two milliseconds."""


_RENEWAL_SECONDS: Final = 60.0
"""When there is nothing else to do, one block of which something is gone is made anew so often: half a second's work.
What was deleted leaves the index, too, where it is too little to be worth it by itself."""


class Indexer:
    """Makes blocks of new documents, notes in them what is gone, and makes large blocks of small ones."""

    def __init__(
        self, path: Path, *, least_rows: int = _LEAST_ROWS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connection = open_connection(path)
        # A power cut may take the last rounds back, whole: they are made again.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._least_rows = least_rows
        self._compactions = {name: Compaction(self._connection, name) for name in _COLLECTIONS}
        self._clock = clock
        self._renewal_due_at = clock() + _RENEWAL_SECONDS

    def run_once(self) -> bool:
        """Do what is due, in short transactions, and tell whether there was anything."""
        worked = False
        for collection in _COLLECTIONS:
            touched = self._index_new(collection)
            worked = self._compactions[collection].run(touched) or bool(touched) or worked
        return worked or self._renew_when_due()

    def _renew_when_due(self) -> bool:
        if self._clock() < self._renewal_due_at:
            return False
        self._renewal_due_at = self._clock() + _RENEWAL_SECONDS
        return any(compaction.renew_one() for compaction in self._compactions.values())

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def _index_new(self, collection: Collection) -> set[str]:
        """Make blocks of the next new rows, if there are enough, and return the projects that they are of."""
        begin = self._one("SELECT indexed_to FROM index_progress WHERE collection = ?", collection)
        newest = self._one(f"SELECT max(seq) FROM {collection}") or 0
        if newest - begin < self._least_rows:
            return set()
        # From here on, the triggers note which of these rows are deleted, although no block holds them yet. Rows that
        # came since are not noted, and so must wait for the next round.
        announce = "UPDATE index_progress SET building_to = ? WHERE collection = ?"
        self._connection.execute(announce, (newest, collection))
        rows = list(self._rows_behind(collection, begin, newest))
        blocks = [
            make_block(collection, project_id, [document for _, document in group])
            for project_id, group in groupby(sorted(rows), itemgetter(0))
        ]
        with transaction(self._connection):
            for block in blocks:
                block.insert(self._connection)
            done = "UPDATE index_progress SET indexed_to = ? WHERE collection = ?"
            self._connection.execute(done, (rows[-1][1].seq if rows else newest, collection))
        return {project_id for project_id, _ in rows}

    def _rows_behind(self, collection: Collection, begin: int, newest: int) -> Iterator[tuple[str, Document]]:
        """Yield the next rows up to the newest with their projects, as many as a block may have."""
        room = MOST_DOCUMENTS
        cursor = self._connection.execute(
            f"SELECT project_id, {DOCUMENT_COLUMNS[collection]} FROM {collection}"
            " WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            (begin, newest, MOST_DOCUMENTS),
        )
        for project_id, *columns in cursor:
            document = Document(*columns)
            yield project_id, document
            room -= document_weight(document)
            if room <= 0:
                break

    def _one(self, sql: str, *parameters: object) -> int:
        found: int = self._connection.execute(sql, parameters).fetchone()[0]
        return found
