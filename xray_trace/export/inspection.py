"""Looking at the spool, and clearing it, from outside the programs that record."""

import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from xray_trace.config import Config
from xray_trace.errors import SpoolError
from xray_trace.export.batch import validated_events
from xray_trace.export.exporter import Exporter
from xray_trace.export.frames import unframe
from xray_trace.export.ownership import IS_SUPPORTED, OwnerLock, is_alive
from xray_trace.export.spool_directory import find_spool_directory
from xray_trace.export.spool_listing import listed_blobs, listed_names
from xray_trace.export.spool_name import BATCH, DROPS, JOURNAL, LATE, LOCK, REJECTED, RUNNING, STAGED, SpoolName
from xray_trace.stats import FlushResult, Stats

__all__ = ["SpoolEntry", "flush_spool", "purge", "spool_entries"]

_PACKED_GROWTH = 4  # a journal that becomes batches lies there twice for a moment, and ids and names are written out
_STOPPING_SECONDS = 1.0  # at least, so that what was taken over is counted before anybody looks again
_KINDS = {
    JOURNAL: "journal",
    BATCH: "batch",
    REJECTED: "rejected",
    STAGED: "staged",
    LATE: "late",
    RUNNING: "running",
    DROPS: "drops",
}


class SpoolEntry(NamedTuple):
    """A file of the spool."""

    name: str
    kind: str
    """`journal`, `batch`, `blob`, `staged` (a value on its way to be a blob), `late`, `rejected`, `running` (what is
    to be told of a step or trace if its process dies), or `drops` (what was lost and the server was not told)."""
    destination: str
    bytes: int
    events: int
    age_seconds: float
    alive: bool
    """Whether the program that owns it is running."""


def spool_entries(config: Config) -> list[SpoolEntry]:
    """Return what lies in the spool directory, of all owners and destinations, oldest first."""
    directory = find_spool_directory(config.spool_dir) if IS_SUPPORTED else None
    if directory is None:
        return []
    entries: list[SpoolEntry] = []
    for name in listed_names(directory):
        if name.suffix in _KINDS:
            entries += _entry(directory, str(name), _KINDS[name.suffix], name.destination, name.owner)
    for blob, header in listed_blobs(directory):
        entries += _entry(directory, blob, "blob", header.destination, header.owner)
    return sorted(entries, key=lambda entry: -entry.age_seconds)


def purge(config: Config) -> int:
    """Delete what programs with this destination left that are gone; return how many files that were.

    Raises SpoolError if a file cannot be deleted.
    """
    directory = find_spool_directory(config.spool_dir) if IS_SUPPORTED else None
    if directory is None:
        return 0
    owners = {name.owner for name in listed_names(directory) if name.destination == config.destination}
    owners |= {blob.owner for _, blob in listed_blobs(directory) if blob.destination == config.destination}
    return sum(_purge_owner(directory, config.destination, owner) for owner in sorted(owners))


def flush_spool(config: Config, timeout_seconds: float) -> FlushResult:
    """Send what programs with this destination left that are gone.

    Each of them kept within the quota; that together they may be over it is no reason to delete what is to be sent.
    """
    deadline = time.monotonic() + timeout_seconds
    left = sum(entry.bytes for entry in spool_entries(config) if entry.destination == config.destination)
    room = replace(config, max_spool_bytes=config.max_spool_bytes + _PACKED_GROWTH * left)
    exporter = Exporter(room, Stats())
    exporter.resume()
    exporter.flush(timeout_seconds)
    return exporter.shutdown(max(_STOPPING_SECONDS, deadline - time.monotonic()))


def _purge_owner(directory: Path, destination: str, owner: str) -> int:
    lock = OwnerLock.inherit(directory / str(SpoolName(destination, owner, 0, 0, LOCK)))
    if lock is None:
        return 0
    names = [str(name) for name in listed_names(directory) if name.owner == owner and name.suffix in _KINDS]
    names += [name for name, blob in listed_blobs(directory) if blob.owner == owner]
    try:
        for name in names:
            (directory / name).unlink(missing_ok=True)
    except OSError as error:
        lock.close()
        raise SpoolError(f"{name} cannot be deleted: {error.strerror}") from error
    lock.release()
    return len(names)


def _entry(directory: Path, name: str, kind: str, destination: str, owner: str) -> list[SpoolEntry]:
    """Return the entry, or none where the file went away while we looked."""
    path = directory / name
    try:
        status = path.lstat()
        events = _events(path, kind)
    except OSError:
        return []
    alive = is_alive(directory / str(SpoolName(destination, owner, 0, 0, LOCK)))
    return [SpoolEntry(name, kind, destination, status.st_size, events, time.time() - status.st_mtime, alive)]


def _events(path: Path, kind: str) -> int:
    if kind == "journal":
        return sum(payload is not None for payload in unframe(path.read_bytes(), damaged=True))
    if kind in ("batch", "rejected"):
        return len(validated_events(path.read_bytes())[0])
    return 1
