"""Reading what lies in a spool directory, whoever put it there."""

import os
from collections.abc import Iterator
from pathlib import Path

from xray_trace.errors import SpoolError
from xray_trace.export.blob_header import BlobHeader, read_header
from xray_trace.export.spool_directory import FOLDERS
from xray_trace.export.spool_name import BLOB, SpoolName, is_blob_name, is_owner

__all__ = ["listed_blobs", "listed_names"]


def listed_names(directory: Path, of: str = "") -> Iterator[SpoolName]:
    """Yield the names that are ours by their form; anything else that lies there is left alone.

    `of` is an owner, or what a process's owners have in common: the names of others are not even looked at.
    """
    for name in _file_names(directory, of):
        parsed = SpoolName.parse(name)
        if parsed is not None and parsed.owner.startswith(of):
            yield parsed


def listed_blobs(directory: Path) -> Iterator[tuple[str, BlobHeader]]:
    """Yield the blobs that begin with a header of ours."""
    for name in _file_names(directory, BLOB):
        if not is_blob_name(name):
            continue
        try:
            descriptor = os.open(directory / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                header, _ = read_header(file)
        except (OSError, SpoolError):
            continue
        if is_owner(header.owner):
            yield name, header


def _file_names(directory: Path, holding: str) -> list[str]:
    found: list[str] = []
    for folder in FOLDERS:
        try:
            with os.scandir(directory / folder) as entries:
                ours = [entry for entry in entries if holding in entry.name]
                found += [f"{folder}/{entry.name}" for entry in ours if entry.is_file(follow_symlinks=False)]
        except OSError:
            continue
    return found
