"""One view of the embedded database that stays the same while a server writes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from xray_backend.config import Config, path_of
from xray_backend.errors import ConfigurationError
from xray_backend.store.sqlite.failures import translated

__all__ = ["database_of", "snapshot"]


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
