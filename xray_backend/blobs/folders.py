"""Folders and files on disk that are the owner's alone, opened themselves and never through a symbolic link."""

import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from xray_backend.errors import Unavailable

__all__ = [
    "confirm_name",
    "disk_errors",
    "empty_folder",
    "make_folder",
    "open_folder",
    "private",
    "remove_files",
    "synchronise",
    "take_name",
    "write_whole",
]

_AWAY = "The blob store cannot be used right now; try again later."


@contextmanager
def disk_errors() -> Iterator[None]:
    """Raise `Unavailable` in the place of what the operating system says."""
    try:
        yield
    except OSError:
        raise Unavailable(_AWAY) from None


def private(path: str, flags: int) -> int:
    """Open a file, as `open` asks of its opener."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def make_folder(path: Path) -> Path:
    """Make a folder where there is none, its parents included; what stands in its place is left as it is."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def open_folder(path: Path) -> int:
    """Return a descriptor of a folder."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def synchronise(folder: Path) -> None:
    """Make durable which names a folder has."""
    descriptor = open_folder(folder)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(folder: Path, name: str, content: bytes) -> None:
    """Write a small file, or replace it; it is whole and durable on return, and whole or as before at any moment."""
    beside = folder / f"{secrets.token_hex(8)}.new"
    try:
        with open(beside, "xb", opener=private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, folder / name)
    finally:
        with suppress(OSError):  # it took its name, or the disk is gone
            beside.unlink()
    synchronise(folder)


def take_name(root: Path, beside: Path, data_path: str) -> None:
    """Give a file that is durable itself the name `{projectId}/{dataId}`; durable on return."""
    project_id, _, data_id = data_path.partition("/")
    (root / project_id).mkdir(mode=0o700, exist_ok=True)
    folder = open_folder(root / project_id)
    try:
        os.replace(beside, data_id, dst_dir_fd=folder)
    finally:
        os.close(folder)
    confirm_name(root, data_path)


def confirm_name(root: Path, data_path: str) -> None:
    """Make durable that a file took its name."""
    synchronise(root / data_path.partition("/")[0])
    synchronise(root)  # the project's folder itself may be new


def remove_files(folder: Path, names: Iterable[str]) -> int:
    """Remove files; durable on return. Returns how many there were."""
    try:
        descriptor = open_folder(folder)
    except FileNotFoundError:
        return 0
    try:
        removed = sum(_remove_file(descriptor, name) for name in names)
        if removed:
            os.fsync(descriptor)
        return removed
    finally:
        os.close(descriptor)


def empty_folder(folder: Path, limit: int) -> tuple[int, bool]:
    """Remove at most so many files, and the folder with the last. Returns how many, and whether the folder is gone."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, limit)]
    except FileNotFoundError:
        return 0, True
    removed = remove_files(folder, names)
    if len(names) == limit:
        return removed, False
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        return removed, False  # a file came meanwhile
    synchronise(folder.parent)
    return removed, True


def _remove_file(folder: int, name: str) -> bool:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True
