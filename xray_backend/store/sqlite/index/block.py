"""Blocks: some thousand documents of one project, in the order of time, taken apart by path."""

import sqlite3
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from xray_backend.query.sort import TIME_FIELD
from xray_backend.store.records import Collection
from xray_backend.store.sqlite.index.bits import bits_of, to_bitmap
from xray_backend.store.sqlite.index.chunk import make_chunks
from xray_backend.store.sqlite.index.columns import Columns

__all__ = [
    "DOCUMENT_COLUMNS",
    "MOST_DOCUMENTS",
    "OID_BYTES",
    "TIME_COLUMN",
    "Block",
    "Document",
    "document_weight",
    "make_block",
]

MOST_DOCUMENTS: Final = 16_384
"""Of a block. A look-up costs some 40 microseconds a block whatever its size, so larger ones answer faster over
millions of documents; a set of positions is 2 KiB, and making a block of them takes half a second and 60 MB."""

_BYTES_OF_A_DOCUMENT: Final = 2048
"""Documents larger than this count as several, so that a block of large ones needs no more memory."""

_USUAL_COMMAS: Final = 48
"""About as many values as a step of usual size has."""

_COMMAS_OF_A_DOCUMENT: Final = 16
"""More values than usual count as further documents: in an array all differ, and a value costs 200 bytes meanwhile."""

OID_BYTES: Final = 12

TIME_COLUMN: Final[Mapping[Collection, str]] = {"steps": "timestamp_ms", "traces": "created_at_ms"}
"""The time that orders a collection. It stands beside each block, and is no path in it."""

_LEFT_OUT: Final = frozenset({"_id", "artifacts._id", *TIME_FIELD.values()})
_DATES: Final = frozenset({"endedAt"})

_decode = msgspec.json.Decoder().decode


class Document(NamedTuple):
    """A document as it is stored, with what orders it."""

    seq: int
    time_ms: int
    object_id: str
    ended_at_ms: int | None
    text: bytes


DOCUMENT_COLUMNS: Final[Mapping[Collection, str]] = {
    "steps": "seq, timestamp_ms, oid, NULL, CAST(doc AS BLOB)",
    "traces": "seq, created_at_ms, oid, ended_at_ms, CAST(doc AS BLOB)",
}
"""What a `Document` is read from."""


def document_weight(document: Document) -> int:
    """Return as how many documents of usual size this one counts."""
    by_values = (document.text.count(b",") - _USUAL_COMMAS) // _COMMAS_OF_A_DOCUMENT
    return 1 + max(len(document.text) // _BYTES_OF_A_DOCUMENT, by_values, 0)


class Block(NamedTuple):
    """A block that is ready to be written."""

    row: tuple[object, ...]
    chunks: Sequence[tuple[object, ...]]

    def insert(self, connection: sqlite3.Connection) -> None:
        """Write it within the open transaction."""
        block_id = connection.execute(_INSERT_BLOCK, self.row).lastrowid
        connection.executemany(_INSERT_CHUNK, ((block_id, *chunk) for chunk in self.chunks))


_INSERT_BLOCK: Final = """
INSERT INTO index_blocks (collection, project_id, size, weight, first_ms, last_ms, first_seq, last_seq, first_oid,
    last_oid, opaque, gone_count, gone, seqs, times, oids, by_oid)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, x'', ?, ?, ?, ?)
"""
_INSERT_CHUNK: Final = "INSERT INTO index_chunks (block_id, path, kind, first, payload) VALUES (?, ?, ?, ?, ?)"


def make_block(collection: Collection, project_id: str, documents: Iterable[Document]) -> Block:
    """Take documents apart; there must be one, and no more than `MOST_DOCUMENTS`."""
    ordered = sorted(documents, key=lambda document: (document.time_ms, document.object_id))
    size, columns = len(ordered), Columns(_LEFT_OUT, _DATES)
    for position, document in enumerate(ordered):
        fields = _decode(document.text)
        if document.ended_at_ms is not None:
            fields["endedAt"] = document.ended_at_ms
        columns.add(position, fields)
    chunks = [
        (path, kind, first, payload)
        for path, kind, postings in columns.each()
        for first, payload in make_chunks(postings, size)
    ]
    return Block((collection, project_id, *_row(ordered, columns.opaque)), chunks)


def _row(ordered: Sequence[Document], opaque: Sequence[int]) -> tuple[object, ...]:
    size = len(ordered)
    object_ids = [bytes.fromhex(document.object_id) for document in ordered]
    by_object_id = sorted(range(size), key=object_ids.__getitem__)
    seqs = array("q", [document.seq for document in ordered])
    return (
        size,
        sum(map(document_weight, ordered)),
        ordered[0].time_ms,
        ordered[-1].time_ms,
        min(seqs),
        max(seqs),
        ordered[by_object_id[0]].object_id,
        ordered[by_object_id[-1]].object_id,
        to_bitmap(bits_of(opaque, size), size) if opaque else b"",
        seqs.tobytes(),
        array("q", [document.time_ms for document in ordered]).tobytes(),
        b"".join(object_ids),
        array("H", by_object_id).tobytes(),
    )
