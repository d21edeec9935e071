"""Blobs that no record names: what came for a value that was deleted, and what a killed server did not remove."""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from xray_backend.blobs.base import Recorded
from xray_backend.blobs.folders import open_folder

__all__ = ["Orphans"]

PIECE_FILES: Final = 500  # one question to the store for so many; a stop waits for one piece, some milliseconds


class Orphans:
    """Finds and removes them; `beside` is a folder on the same file system that holds no blobs."""

    def __init__(self, root: Path, beside: Path, recorded: Recorded) -> None:
        self._root = root
        self._beside = beside
        self._recorded = recorded

    def sweep(self, still_since_seconds: float) -> Iterator[int]:
        """Remove those that have not changed since then; yield how many went, piece by piece."""
        for project in sorted(path for path in self._root.iterdir() if not path.name.startswith(".")):
            with suppress(OSError):  # one that cannot be read, or is no folder, does not keep the others
                yield from self._sweep_project(project, still_since_seconds)

    def remove(self, project_id: str, data_id: str) -> bool:
        """Remove a blob unless it has a record after all.

        Its name goes first, then the store is asked again: a value that was announced meanwhile gets its bytes back,
        and bytes that were uploaded meanwhile have the name, and stay. Raises `OSError` if there is no such blob.
        """
        folder = open_folder(self._root / project_id)
        try:
            aside = self._beside / f"{secrets.token_hex(16)}.gone"
            os.rename(data_id, aside, src_dir_fd=folder)
            if data_id in self._recorded(project_id, [data_id]):
                with suppress(FileExistsError):
                    os.link(aside, data_id, dst_dir_fd=folder)
                aside.unlink()
                return False
            aside.unlink()
            os.fsync(folder)
            return True
        finally:
            os.close(folder)

    def _sweep_project(self, project: Path, still_since_seconds: float) -> Iterator[int]:
        with os.scandir(project) as entries:
            while piece := list(islice(entries, PIECE_FILES)):
                names = [entry.name for entry in piece if _changed_at(entry) < still_since_seconds]
                known = self._recorded(project.name, names) if names else ()
                yield sum(self.remove(project.name, name) for name in names if name not in known)


def _changed_at(entry: "os.DirEntry[str]") -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:  # it was deleted meanwhile
        return float("inf")
