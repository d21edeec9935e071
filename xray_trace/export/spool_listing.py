"""Reading what lies in a spool directory, whoever put it there."""

import os
from collections.abc import Iterator
from pathlib import Path

from xray_trace.errors import SpoolError
from xray_trace.export.blob_header import BlobHeader, read_header
from xray_trace.export.spool_directory import FOLDERS
from xray_trace.export.spool_name import SpoolName, is_blob_name

__all__ = ["listed_blobs", "listed_names"]


def listed_names(directory: Path) -> Iterator[SpoolName]:
    """Yield the names that are ours by their form; anything else that lies there is left alone."""
    for name in _file_names(directory):
        parsed = SpoolName.parse(name)
        if parsed is not None:
            yield parsed


def listed_blobs(directory: Path) -> Iterator[tuple[str, BlobHeader]]:
    """Yield the blobs that begin with a header of ours."""
    for name in _file_names(directory):
        if not is_blob_name(name):
            continue
        try:
            descriptor = os.open(directory / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                yield name, read_header(file)[0]
        except (OSError, SpoolError):
            continue


def _file_names(directory: Path) -> list[str]:
    found: list[str] = []
    for folder in FOLDERS:
        try:
            with os.scandir(directory / folder) as entries:
                found += [f"{folder}/{entry.name}" for entry in entries if entry.is_file(follow_symlinks=False)]
        except OSError:
            continue
    return found
