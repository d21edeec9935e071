"""Bringing a database to the newest layout."""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from xray_backend.errors import ConfigurationError
from xray_backend.store.merged_shape import MergedShape
from xray_backend.store.sqlite.connection import open_connection
from xray_backend.store.sqlite.layout import MIGRATIONS

__all__ = ["migrate"]


def migrate(path: Path) -> None:
    """Bring the file to the newest version, making it where it is missing. Several processes may do so at once.

    Raises `ConfigurationError` if a newer program or another one wrote it.
    """
    is_new = not path.exists()
    connection = open_connection(path)
    try:
        if is_new:
            with suppress(OSError):  # some file systems know no modes
                path.chmod(0o600)  # the files that SQLite makes beside it get the same
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        if _version(connection, path) < len(MIGRATIONS):
            _apply(connection, path)
    finally:
        connection.close()


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise ConfigurationError(
            f"The database {path} has version {version}, but this program knows versions up to {len(MIGRATIONS)}. "
            "Start a newer xray-backend, or point XRAY_STORE_URL at another file."
        )
    return version


def _statements(script: str) -> Iterator[str]:
    """Take a script apart; a trigger's semicolons are its own."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _apply(connection: sqlite3.Connection, path: Path) -> None:
    """Run the missing scripts in one transaction; the version is read again, another process may have been first."""
    connection.create_aggregate("merged_shape", 1, MergedShape)  # type: ignore[arg-type]  # its type is for integers
    connection.execute("BEGIN EXCLUSIVE")
    try:
        version = _version(connection, path)
        if version == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone() is not None:
            raise ConfigurationError(
                f"The database {path} was made by another program. Point XRAY_STORE_URL at another file."
            )
        for script in MIGRATIONS[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
