"""`xray-backend check`: looks through a data directory, says what is wrong with it, and changes nothing."""

import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from xray_backend.commands.checked_blobs import blob_faults
from xray_backend.commands.snapshot import database_of, layout_fault, snapshot
from xray_backend.config import Config, path_of
from xray_backend.errors import Unavailable

__all__ = ["check"]

_DOCUMENTS: Final = ("traces", "steps", "data")
_OWNED: Final = ("project_members", "api_keys", "traces", "steps", "data", "schemas", "merged_schemas")


def check(config: Config) -> bool:
    """Print a sentence for each fault; true if there is none. Raises `ConfigurationError` if there is no database."""
    database = database_of(config)
    faults = 0
    for fault in _faults(config, database):
        faults += 1
        print(fault)
    print(f"Faults: {faults}." if faults else f"Nothing is wrong with {config.data_dir}.")
    return not faults


def _faults(config: Config, database: Path) -> Iterator[str]:
    yield from _open_permissions(config.data_dir, database)
    yield from _leftovers(config.data_dir)
    root = path_of(config.blobs_url, "file")
    still_since = time.time() - config.abandoned_seconds
    try:
        with snapshot(database) as connection:
            fault = layout_fault(connection)
            if fault:
                yield fault
                return
            yield from _database_faults(connection)
            yield from blob_faults(connection, root, still_since)
    except (sqlite3.DatabaseError, Unavailable) as error:
        yield f"The database {database} cannot be read to its end: {str(error).rstrip('.')}."


def _open_permissions(data_dir: Path, database: Path) -> Iterator[str]:
    log = database.with_name(f"{database.name}-wal")
    for path in (data_dir, database, log, data_dir / "jwt-secret", data_dir / "credentials.json", data_dir / "blobs"):
        if not path.exists() or (path in (database, log) and path.parent == data_dir):
            continue  # what lies in a folder that nobody else enters is safe
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            yield f"{path} can be reached by others (mode {mode:04o}); `chmod go-rwx` it."


def _leftovers(data_dir: Path) -> Iterator[str]:
    for path in sorted(data_dir.glob(".*")):
        if path.name.startswith((".jwt-secret.", ".credentials.json.")):
            yield f"{path} was left behind by a start that was killed; it may be removed."


def _database_faults(connection: sqlite3.Connection) -> Iterator[str]:
    for (answer,) in connection.execute("PRAGMA integrity_check(20)"):
        if answer != "ok":
            yield f"The database is damaged: {answer}."
    for table in _OWNED:
        sql = (
            f"SELECT project_id, count(*) FROM {table} WHERE project_id NOT IN (SELECT project_id FROM projects)"  # noqa: S608 - our own names
            " AND project_id NOT IN (SELECT project_id FROM deleted_projects) GROUP BY project_id"
        )
        for project_id, count in connection.execute(sql):
            yield f"{count} rows of {table} belong to the project {project_id}, which does not exist."
    yield from _steps_without_trace(connection)
    for table in _DOCUMENTS:
        yield from _unreadable(connection, table)


def _steps_without_trace(connection: sqlite3.Connection) -> Iterator[str]:
    sql = """
    SELECT DISTINCT project_id, trace_id FROM steps
    WHERE (project_id, trace_id) NOT IN (SELECT project_id, trace_id FROM traces)
      AND (project_id, trace_id) NOT IN (SELECT project_id, trace_id FROM deleted_traces)
      AND project_id NOT IN (SELECT project_id FROM deleted_projects)
    """
    for project_id, trace_id in connection.execute(sql):
        yield f"Steps of the trace {trace_id} in the project {project_id} have no trace."


def _unreadable(connection: sqlite3.Connection, table: str) -> Iterator[str]:
    for oid, doc in connection.execute(f"SELECT oid, doc FROM {table}"):  # noqa: S608 - our own names
        try:
            msgspec.json.decode(doc, type=dict[str, object])
        except (msgspec.DecodeError, TypeError):
            yield f"The document {oid} of {table} cannot be read."
