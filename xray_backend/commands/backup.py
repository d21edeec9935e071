"""`xray-backend backup FILE`: all of a data directory in one file, while the server runs."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from xray_backend.blobs.folders import private
from xray_backend.commands.archive import ArchiveWriter
from xray_backend.commands.beside import check_place, folder_beside, write_beside
from xray_backend.commands.progress import Progress
from xray_backend.commands.snapshot import database_of
from xray_backend.config import Config, path_of
from xray_backend.store.sqlite.failures import translated

__all__ = ["SECRETS", "backup"]

SECRETS = ("jwt-secret", "credentials.json")
"""They are in the archive: a server that is restored from it is the same server, to which the same people log in."""


def backup(config: Config, file: Path) -> None:
    """Write the archive.

    Raises `ConfigurationError` if there is no database, `CommandError` or `OSError` if it cannot be written.
    """
    database = database_of(config)
    check_place(file)
    with folder_beside(file) as folder, write_beside(file) as output:
        copy = folder / "xray.db"
        _copy_database(database, copy)
        archive = ArchiveWriter(output)
        with open(copy, "rb") as source:
            archive.add("xray.db", source)
        missing = _add_blobs(archive, copy, path_of(config.blobs_url, "file"))
        _add_secrets(archive, config.data_dir)
        archive.finish()
    print(f"The backup is {file}. It holds all data and the server's secrets: keep it where only you read it.")
    if missing:
        print(f"{missing} announced values have no bytes here (not uploaded, or deleted meanwhile).")


def _copy_database(database: Path, copy: Path) -> None:
    """Copy what is committed now, in one view; writers go on meanwhile."""
    with open(copy, "xb", opener=private):
        pass
    with translated(), closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _add_blobs(archive: ArchiveWriter, copy: Path, root: Path) -> int:
    """Add the blobs that the copy names, and return how many are not there."""
    missing = 0
    with Progress("blobs") as progress:
        for data_path in _named_blobs(copy):
            if _add_blob(archive, root, data_path):
                progress.add(1)
            else:
                missing += 1
    return missing


def _add_blob(archive: ArchiveWriter, root: Path, data_path: str) -> bool:
    """Add a blob; false where its bytes are not there."""
    try:
        with open(root / data_path, "rb", opener=private) as source:
            archive.add(f"blobs/{data_path}", source)
    except FileNotFoundError:
        return False
    return True


def _named_blobs(copy: Path) -> Iterator[str]:
    with closing(sqlite3.connect(copy)) as connection:
        for row in connection.execute("SELECT project_id, data_id FROM data WHERE content IS NULL ORDER BY 1, 2"):
            yield f"{row[0]}/{row[1]}"


def _add_secrets(archive: ArchiveWriter, data_dir: Path) -> None:
    for name in SECRETS:
        path = data_dir / name
        if path.exists():
            with open(path, "rb", opener=private) as source:
                archive.add(name, source)
