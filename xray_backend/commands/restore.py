"""`xray-backend restore FILE`: a data directory as it was when the backup was made; whole, or not at all."""

import hashlib
import os
import sqlite3
import tarfile
from contextlib import closing, suppress
from pathlib import Path
from typing import IO

import msgspec

from xray_backend.blobs.folders import make_folder, private, synchronise
from xray_backend.commands.archive import MANIFEST, Manifest, MemberNote
from xray_backend.commands.backup import SECRETS
from xray_backend.commands.beside import folder_beside
from xray_backend.config import Config, path_of
from xray_backend.errors import CommandError, ConfigurationError
from xray_backend.ids import is_valid_client_id

__all__ = ["restore"]

CHUNK_BYTES = 1024 * 1024  # so many are hashed at a time; more would not be faster


def restore(config: Config, file: Path) -> None:
    """Unpack beside the data directory, verify, and give the directory its name.

    Raises `ConfigurationError` if the directory is in use or not empty, `CommandError` if the archive is not whole.
    """
    target = config.data_dir
    _check_target(config)
    target.parent.mkdir(parents=True, exist_ok=True)
    with folder_beside(target) as beside:
        made = make_folder(beside / target.name)
        _unpack(file, made)
        _check_database(made / "xray.db")
        _forget_attempts(made / "xray.db")
        for folder, _, _ in os.walk(made):
            synchronise(Path(folder))
        os.rename(made, target)  # fails if somebody put something there meanwhile
        synchronise(target.parent)
    print(f"The data directory {target} is restored.")


def _check_target(config: Config) -> None:
    target = config.data_dir
    if (path_of(config.store_url, "sqlite"), path_of(config.blobs_url, "file")) != (
        target / "xray.db",
        target / "blobs",
    ):
        raise ConfigurationError(
            "A backup is restored into one data directory: leave XRAY_STORE_URL and XRAY_BLOBS_URL unset."
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigurationError(
            f"{target} is not empty, or a server uses it; restore into another --data-dir, or move that one away."
        )


def _unpack(file: Path, folder: Path) -> None:
    is_whole = False
    with suppress(tarfile.TarError, EOFError), tarfile.open(file, "r:") as tar:  # which a torn archive raises, too
        is_whole = _unpack_members(file, tar, folder)
    if not is_whole:
        raise CommandError(f"{file} is no whole backup: its end is missing, or it is something else.")


def _unpack_members(file: Path, tar: tarfile.TarFile, folder: Path) -> bool:
    """Write what comes before the manifest, and compare it with that; false where there is none."""
    notes: list[MemberNote] = []
    for member in tar:
        content = tar.extractfile(member)
        if content is None:
            raise CommandError(f"{file} holds {member.name!r}, which is no file; it is no backup.")
        if member.name == MANIFEST:
            _check_manifest(file, content.read(), notes)
            return True
        notes.append(_write(folder, member.name, content))
    return False


def _check_manifest(file: Path, content: bytes, found: list[MemberNote]) -> None:
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError:
        raise CommandError(f"{file} is no whole backup: its list of contents cannot be read.") from None
    manifest.check_format()
    for note, member in zip(manifest.files, found, strict=False):
        if note != member:
            raise CommandError(f"{file} is damaged: {member.name} is not what was saved. Nothing was restored.")
    if len(manifest.files) != len(found):
        raise CommandError(f"{file} is damaged: it holds {len(found)} files, and should hold {len(manifest.files)}.")


def _write(folder: Path, name: str, content: IO[bytes]) -> MemberNote:
    path = folder / _checked(name)
    make_folder(path.parent)
    digest, size = hashlib.sha256(), 0
    with open(path, "xb", opener=private) as file:
        while piece := content.read(CHUNK_BYTES):
            digest.update(piece)
            size += len(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return MemberNote(name, size, digest.hexdigest())


def _checked(name: str) -> str:
    """Return a name that lies where it should, whoever made the archive."""
    folder, *ids = name.split("/")
    if name in ("xray.db", *SECRETS) or (folder == "blobs" and len(ids) == 2 and all(map(is_valid_client_id, ids))):
        return name
    raise CommandError(f"The archive holds {name!r}, which no backup holds. Nothing was restored.")


def _check_database(path: Path) -> None:
    if not path.exists():
        raise CommandError("The archive holds no database. Nothing was restored.")
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        answer = str(error)
    if answer != "ok":
        raise CommandError(f"The database in the archive is damaged ({answer}). Nothing was restored.")


def _forget_attempts(path: Path) -> None:
    """Let nobody be kept out by who tried to log in when the backup was made."""
    with closing(sqlite3.connect(path)) as connection, connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'attempts'").fetchone():  # older ones have none
            connection.execute("DELETE FROM attempts")
