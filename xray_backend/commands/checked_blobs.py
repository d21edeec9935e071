"""Whether the blobs are what their records say."""

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from xray_backend.blobs.folders import blob_files, private

__all__ = ["blob_faults"]

_CHUNK_BYTES: Final = 1024 * 1024
"""So many are hashed at a time; more would not be faster."""


class _Record(msgspec.Struct, rename="camel"):
    size_bytes: int | None = None
    sha256: str | None = None


def blob_faults(connection: sqlite3.Connection, root: Path, still_since: float) -> Iterator[str]:
    """Tell of blobs that are missing, altered or nobody's, and of uploads that nobody went on with since then."""
    rows = connection.execute("SELECT project_id, data_id, doc, stored_at_ms FROM data WHERE content IS NULL")
    for project_id, data_id, doc, stored_at_ms in rows:
        path = root / project_id / data_id
        if path.exists():
            yield from _differences(path, msgspec.json.decode(doc, type=_Record))
        elif stored_at_ms / 1000 < still_since:
            yield f"The bytes of {project_id}/{data_id} are missing: they never came, or were lost."
    for path in blob_files(root):
        where = (path.parent.name, path.name)
        sql = "SELECT 1 FROM data WHERE project_id = ? AND data_id = ? AND content IS NULL"
        if path.stat().st_mtime < still_since and connection.execute(sql, where).fetchone() is None:
            yield f"The blob {'/'.join(where)} has no record; the server removes it at its next sweep."
    yield from _half_uploads(root, still_since)


def _differences(path: Path, record: _Record) -> Iterator[str]:
    name = f"{path.parent.name}/{path.name}"
    size = path.stat().st_size
    if record.size_bytes not in (None, size):
        yield f"The blob {name} has {size} bytes, and should have {record.size_bytes}."
    elif record.sha256 is not None and _sha256(path) != record.sha256:
        yield f"The blob {name} is altered: its SHA-256 is not the one that was announced."


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", opener=private) as file:
        while piece := file.read(_CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _half_uploads(root: Path, still_since: float) -> Iterator[str]:
    hidden = [path for path in root.iterdir() if path.name.startswith(".")] if root.exists() else []
    for folder in hidden:
        for path in folder.iterdir():
            if path.stat().st_mtime < still_since:
                yield f"{path} is left of an upload that nobody went on with; the server removes it at its next sweep."
