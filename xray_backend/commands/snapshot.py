"""One view of the embedded database that stays the same while a server writes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from xray_backend.config import Config, path_of
from xray_backend.errors import ConfigurationError
from xray_backend.store.sqlite.failures import translated
from xray_backend.store.sqlite.layout import MIGRATIONS

__all__ = ["database_of", "layout_fault", "snapshot"]


def database_of(config: Config) -> Path:
    """Return the database's file. Raises `ConfigurationError` if there is none."""
    path = path_of(config.store_url, "sqlite")
    if not path.is_file():
        raise ConfigurationError(f"There is no database at {path}; name another place with --data-dir.")
    return path


@contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file for reading alone; without a write-ahead log no file is made beside it, either."""
    log = path.with_name(f"{path.name}-wal")
    how = "mode=ro" if log.exists() else "mode=ro&immutable=1"
    uri = f"{path.absolute().as_uri()}?{how}"
    with translated(), closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        yield connection


def layout_fault(connection: sqlite3.Connection) -> str | None:
    """Say it if the tables are not those that this program reads, and what to do."""
    version, known = connection.execute("PRAGMA user_version").fetchone()[0], len(MIGRATIONS)
    if version == known:
        return None
    if version > known:
        return f"The database has version {version}, newer than this program's {known}: use a newer xray-backend."
    return f"The database has version {version}, older than this program's {known}: start the server once."
