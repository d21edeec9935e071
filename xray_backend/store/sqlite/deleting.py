"""Deleting traces and projects: written down and hidden at once, removed piece by piece."""
# ruff: noqa: S608 - what is put together are our own table names; every value is bound

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from xray_backend.store.deletions import DeletionPiece, PieceRemoval
from xray_backend.store.sqlite.readers import Readers
from xray_backend.store.sqlite.visible import visible
from xray_backend.store.sqlite.writer import Writer

__all__ = ["Deleting"]

_PROJECT_TABLES: Final = ("steps", "traces", "data", "schemas", "merged_schemas", "deleted_traces")
"""All that belongs to a project and may be much; its members and keys are few, and go at once."""

_DOOMED_DATA: Final = """
SELECT data_id FROM data JOIN deleted_traces USING (project_id, trace_id)
WHERE project_id = ? AND trace_id = ? LIMIT ?
"""
"""One that expired may live again at any moment, and then none of its values is found."""


class Deleting:
    """The part of the store that forgets."""

    def __init__(self, writer: Writer, readers: Readers, clock: Callable[[], int]) -> None:
        self._writer = writer
        self._readers = readers
        self._clock = clock

    def trace(self, project_id: str, trace_id: str) -> bool:
        """Write down that the trace is deleted, for good; false if nothing of it is there."""
        now = self._clock()

        def mark(connection: sqlite3.Connection) -> bool:
            where = (project_id, trace_id)
            if connection.execute(
                "SELECT 1 FROM deleted_traces WHERE project_id = ? AND trace_id = ?", where
            ).fetchone():
                # one that only expired, and is still going, stays deleted from now on
                connection.execute("UPDATE deleted_traces SET stays = 1 WHERE project_id = ? AND trace_id = ?", where)
                return False
            if not any(_has(connection, table, where) for table in ("traces", "data", "steps")):
                return False
            hide_trace(connection, project_id, trace_id, stays=True, now_ms=now)
            return True

        return self._writer.run(mark)

    def project(self, project_id: str) -> bool:
        """Write down that the project is deleted, and end its members' and keys' access; false if there is none."""
        now = self._clock()

        def mark(connection: sqlite3.Connection) -> bool:
            if not connection.execute("DELETE FROM projects WHERE project_id = ?", (project_id,)).rowcount:
                return False
            connection.execute("DELETE FROM project_members WHERE project_id = ?", (project_id,))
            connection.execute("DELETE FROM api_keys WHERE project_id = ?", (project_id,))
            connection.execute("INSERT INTO deleted_projects VALUES (?, ?, 0)", (project_id, now))
            return True

        return self._writer.run(mark)

    def is_deleted(self, project_id: str, trace_id: str) -> bool:
        """Look for a tombstone."""
        found = self._readers.first(
            "SELECT EXISTS (SELECT 1 FROM deleted_traces WHERE project_id = ?1 AND trace_id = ?2 AND stays)"
            " OR EXISTS (SELECT 1 FROM deleted_projects WHERE project_id = ?1)",
            (project_id, trace_id),
        )
        return bool(found[0])

    def recorded_data(self, project_id: str, data_ids: Sequence[str]) -> Mapping[str, tuple[int | None, str | None]]:
        """Find which of these have a record that is not being deleted."""
        conditions, parameters = visible(project_id)
        rows = self._readers.all(
            "SELECT data_id, json_extract(doc, '$.sizeBytes'), json_extract(doc, '$.sha256') FROM data"
            " WHERE project_id = ? AND data_id IN (SELECT value FROM json_each(?))"
            f" AND {' AND '.join(conditions)}",
            (project_id, json.dumps(list(data_ids)), *parameters),
        )
        return {data_id: (size_bytes, sha256) for data_id, size_bytes, sha256 in rows}

    def next_piece(self, limit: int) -> DeletionPiece | None:
        """Find what is to go next; whole projects first, since their deleted traces go with them."""
        project = self._readers.first("SELECT project_id FROM deleted_projects WHERE removed = 0 LIMIT 1")
        if project is not None:
            return DeletionPiece(project[0], None, ())
        trace = self._readers.first("SELECT project_id, trace_id FROM deleted_traces WHERE removed = 0 LIMIT 1")
        if trace is None:
            return None
        rows = self._readers.all(_DOOMED_DATA, (*trace, limit))
        project_id, trace_id = trace
        return DeletionPiece(project_id, trace_id, [row[0] for row in rows])

    def remove(self, piece: DeletionPiece, limit: int) -> PieceRemoval:
        """Remove the piece's rows in one short transaction."""
        if piece.trace_id is None:
            return self._writer.run(lambda connection: _remove_of_project(connection, piece.project_id, limit))
        trace_id, now = piece.trace_id, self._clock()
        return self._writer.run(lambda connection: _remove_of_trace(connection, piece, trace_id, limit, now))


def hide_trace(connection: sqlite3.Connection, project_id: str, trace_id: str, *, stays: bool, now_ms: int) -> None:
    """Write a tombstone, which hides the trace's steps and data; the trace itself is one row, and goes."""
    connection.execute(
        "INSERT INTO deleted_traces (project_id, trace_id, deleted_at_ms, stays, removed) VALUES (?, ?, ?, ?, 0)",
        (project_id, trace_id, now_ms, int(stays)),
    )
    connection.execute("DELETE FROM traces WHERE project_id = ? AND trace_id = ?", (project_id, trace_id))


def _remove_of_trace(
    connection: sqlite3.Connection, piece: DeletionPiece, trace_id: str, limit: int, now_ms: int
) -> PieceRemoval:
    """Remove the data records whose blobs are gone, then steps; the tombstone is settled when nothing is left.

    Of a trace that lives again meanwhile only those records go, which would lead to nothing; if there is no other, and
    no trace, nothing that came has an age, and it expires.
    """
    where = (piece.project_id, trace_id)
    rows = connection.execute(
        "DELETE FROM data WHERE project_id = ? AND trace_id = ? AND data_id IN (SELECT value FROM json_each(?))",
        (*where, json.dumps(list(piece.data_ids))),
    ).rowcount
    if not _has(connection, "deleted_traces", where):
        if any(_has(connection, table, where) for table in ("traces", "data")):
            return PieceRemoval(rows, done=True)
        hide_trace(connection, piece.project_id, trace_id, stays=False, now_ms=now_ms)
    rows += connection.execute(
        "DELETE FROM steps WHERE rowid IN (SELECT rowid FROM steps WHERE project_id = ? AND trace_id = ? LIMIT ?)",
        (*where, limit - rows),
    ).rowcount
    done = not any(_has(connection, table, where) for table in ("data", "steps"))
    if done:
        connection.execute("DELETE FROM deleted_traces WHERE project_id = ? AND trace_id = ? AND NOT stays", where)
        connection.execute("UPDATE deleted_traces SET removed = 1 WHERE project_id = ? AND trace_id = ?", where)
    return PieceRemoval(rows, done=done)


def _remove_of_project(connection: sqlite3.Connection, project_id: str, limit: int) -> PieceRemoval:
    rows = 0
    for table in _PROJECT_TABLES:
        rows += connection.execute(
            f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE project_id = ? LIMIT ?)",
            (project_id, limit - rows),
        ).rowcount
        if rows >= limit:
            return PieceRemoval(rows, done=False)
    connection.execute("UPDATE deleted_projects SET removed = 1 WHERE project_id = ?", (project_id,))
    return PieceRemoval(rows, done=True)


def _has(connection: sqlite3.Connection, table: str, where: tuple[str, str]) -> bool:
    row = connection.execute(f"SELECT 1 FROM {table} WHERE project_id = ? AND trace_id = ? LIMIT 1", where).fetchone()
    return row is not None
