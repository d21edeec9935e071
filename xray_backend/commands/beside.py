"""Files and folders that are made beside their place, and take it when all of them is on disk, or never."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from xray_backend.blobs.folders import open_folder, private, synchronise
from xray_backend.errors import CommandError

__all__ = ["check_place", "folder_beside", "write_beside"]

_SUFFIX: Final = ".part"


def check_place(path: Path) -> None:
    """Raise `CommandError`, by the name that was given, if no file can be written there."""
    if not path.parent.is_dir():
        raise CommandError(f"There is no folder {path.parent} to write {path.name} into.")
    if path.is_dir():
        raise CommandError(f"{path} is a folder; give the name of a file.")


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """Make a folder that only its owner enters, and remove it with all that is still in it.

    What commands for the same path left there because they were killed is removed before. Each holds a lock on its own
    folder, which ends with the process.
    """
    with _locked(path.parent):  # else another command might find the folder before it is locked
        _remove_left(path)
        folder = path.with_name(f".{path.name}.{secrets.token_hex(8)}{_SUFFIX}")
        folder.mkdir(mode=0o700)
        lock = open_folder(folder)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@contextmanager
def write_beside(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that only its owner reads. Raises `CommandError` if there is no place for it."""
    check_place(path)
    with folder_beside(path) as folder:
        with open(folder / path.name, "xb", opener=private) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(folder / path.name, path)
        synchronise(path.parent)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = open_folder(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _remove_left(path: Path) -> None:
    for left in path.parent.iterdir():
        if left.name.startswith(f".{path.name}.") and left.name.endswith(_SUFFIX) and left.is_dir():
            _remove_unless_locked(left)


def _remove_unless_locked(folder: Path) -> None:
    lock = open_folder(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return  # another command is at work there
    finally:
        os.close(lock)
