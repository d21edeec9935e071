"""The shapes of metadata: each kept once, and merged by step name in the transaction that keeps it."""
# ruff: noqa: S608 - what is put together are our own names; every value is bound

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from xray_backend.ids import new_object_id
from xray_backend.store.merged_shape import MergedShape
from xray_backend.store.metadata_shape import Shape, is_cut, merge_into
from xray_backend.store.records import SHAPES_PER_STEP_NAME, Json, MergedSchema, SchemaSighting
from xray_backend.store.sqlite.readers import Readers
from xray_backend.store.sqlite.visible import visible

__all__ = ["Schemas", "store_shapes"]

_SEEN_AGAIN: Final = """
UPDATE schemas SET last_seen_at_ms = max(last_seen_at_ms, ?)
WHERE project_id = ? AND step_name = ? AND schema_hash = ?
"""

_NEW: Final = """
INSERT INTO schemas (oid, project_id, step_name, schema_hash, shape, last_seen_at_ms) VALUES (?, ?, ?, ?, ?, ?)
"""

_OF_NAME: Final = """
SELECT shapes, iif(shapes < ?, shape, NULL) FROM merged_schemas WHERE project_id = ? AND step_name = ?
"""
"""A step name that has all its shapes is asked about at each step, and its merged shape may be large."""

_MERGED: Final = """
INSERT INTO merged_schemas (project_id, step_name, shapes, shape) VALUES (?, ?, ?, ?)
ON CONFLICT (project_id, step_name) DO UPDATE SET shapes = excluded.shapes, shape = excluded.shape
"""

_TO_MERGE: Final = """
SELECT of_name.shapes, coalesce(of_name.shape, one.shape)
FROM (SELECT project_id, step_name, shapes, shape FROM merged_schemas WHERE {terms}) AS of_name
LEFT JOIN schemas AS one ON one.project_id = of_name.project_id
    AND one.step_name = iif(of_name.shape IS NULL, of_name.step_name, NULL)
"""
"""The merged shape of each step name; where that is too large to be kept, its shapes one by one."""

_DOCUMENT: Final = """
CAST('{"stepName":' || json_quote(step_name) || ',"schemaHash":' || json_quote(schema_hash)
    || ',"schemaShape":' || shape
    || ',"lastSeenAt":"' || strftime('%Y-%m-%dT%H:%M:%S', last_seen_at_ms / 1000, 'unixepoch')
    || printf('.%03dZ"}', last_seen_at_ms % 1000) AS BLOB)
"""
"""Put together in SQLite, a document in some microseconds: there may be many thousands of them."""

_AT_ONCE: Final = 200
"""Some 100 KB of documents, and a tenth of what it takes to read them is for asking so often."""


@dataclass
class _OfName:
    """What is kept of one step name: how many shapes, and all of them merged."""

    count: int
    merged: MergedShape


def store_shapes(connection: sqlite3.Connection, project_id: str, sightings: Iterable[SchemaSighting]) -> int:
    """Keep those that are new, and return how many were left out. One that is known costs a look-up."""
    grown: dict[str, _OfName] = {}
    left_out = 0
    for sighting in sightings:
        if _is_known(connection, project_id, sighting):
            continue
        of_name = grown.get(sighting.step_name) or _of_name(connection, project_id, sighting.step_name)
        if of_name.count >= SHAPES_PER_STEP_NAME:
            left_out += 1
            continue
        _insert(connection, project_id, sighting)
        of_name.count += 1
        of_name.merged.add(sighting.schema_shape)
        grown[sighting.step_name] = of_name
    rows = [(project_id, name, of_name.count, of_name.merged.finalize()) for name, of_name in grown.items()]
    connection.executemany(_MERGED, rows)
    return left_out


def _is_known(connection: sqlite3.Connection, project_id: str, sighting: SchemaSighting) -> bool:
    where = (project_id, sighting.step_name, sighting.schema_hash)
    return connection.execute(_SEEN_AGAIN, (sighting.seen_at_ms, *where)).rowcount > 0


def _of_name(connection: sqlite3.Connection, project_id: str, step_name: str) -> _OfName:
    row = connection.execute(_OF_NAME, (SHAPES_PER_STEP_NAME, project_id, step_name)).fetchone()
    return _OfName(0, MergedShape()) if row is None else _OfName(row[0], MergedShape(row[1]))


def _insert(connection: sqlite3.Connection, project_id: str, sighting: SchemaSighting) -> None:
    shape = msgspec.json.encode(sighting.schema_shape).decode()
    identity = (new_object_id(), project_id, sighting.step_name, sighting.schema_hash)
    connection.execute(_NEW, (*identity, shape, sighting.seen_at_ms))


class Schemas:
    """The reading half."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def each(self, project_id: str, step_name: str | None) -> Iterator[Sequence[Json]]:
        """Read the shapes seen, by step name and hash."""
        terms, parameters = _terms(project_id, step_name)
        key = ("schema_hash",) if step_name is not None else ("step_name", "schema_hash")
        order = ", ".join(key)
        sql = (
            f"SELECT {_DOCUMENT}, {order} FROM schemas"
            f" WHERE {terms} AND ({order}) > ({', '.join('?' * len(key))}) ORDER BY {order} LIMIT ?"
        )
        after: Sequence[str] = ("",) * len(key)
        more = True
        while more:
            rows, more = self._readers.page(sql, (*parameters, *after, _AT_ONCE + 1), _AT_ONCE)
            if rows:
                yield [row[0] for row in rows]
                after = rows[-1][1:]

    def merged(self, project_id: str, step_name: str | None) -> MergedSchema:
        """Merge what is kept of each step name."""
        terms, parameters = _terms(project_id, step_name)
        merged: Shape = {}
        is_full = False
        with self._readers.snapshot() as snapshot:
            for count, shape in snapshot.each(_TO_MERGE.format(terms=terms), parameters):
                is_full = is_full or count >= SHAPES_PER_STEP_NAME
                merge_into(merged, msgspec.json.decode(shape))
        return MergedSchema(msgspec.json.encode(merged), is_complete=not (is_full or is_cut(merged)))


def _terms(project_id: str, step_name: str | None) -> tuple[str, Sequence[object]]:
    conditions, parameters = visible(project_id, by_trace=False)
    terms = " AND ".join(["project_id = ?", *conditions])
    if step_name is None:
        return terms, (project_id, *parameters)
    return f"{terms} AND step_name = ?", (project_id, *parameters, step_name)
