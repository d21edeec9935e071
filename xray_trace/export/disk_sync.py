"""Disk sync: waiting until the disk itself has what was written, so that it outlives the machine."""

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where nothing is kept on disk
    fcntl = None  # type: ignore[assignment]

__all__ = ["sync_descriptor", "sync_path"]

_FULL_SYNC = getattr(fcntl, "F_FULLFSYNC", None)
"""On macOS `fsync` leaves the data in the drive's own cache; this does not."""


def sync_descriptor(descriptor: int) -> None:
    """Return when the disk has the file's content; may take some 10 ms. Raises OSError."""
    if _FULL_SYNC is not None:
        fcntl.fcntl(descriptor, _FULL_SYNC)
    else:
        os.fsync(descriptor)


def sync_path(path: Path) -> None:
    """Return when the disk has the file's content or the folder's entries. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)
