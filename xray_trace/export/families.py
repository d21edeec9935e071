"""Families: the dead whose files lie in the spool, and who takes them over together."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from xray_trace.export.disk_storage import DiskStorage
from xray_trace.export.ownership import OwnerLock
from xray_trace.export.spool_listing import listed_blobs, listed_names
from xray_trace.export.spool_name import FOLDERS, LOCK, RUNNING, SpoolName, process_of

__all__ = ["Families", "Family"]


class Family(NamedTuple):
    """Owners that are taken over together or not at all, and how much they left."""

    owners: list[str]
    bytes: int


class Families:
    """All other owners with the same destination; whether they are dead is known when their locks can be taken."""

    def __init__(self, storage: DiskStorage, former_owners: set[str]) -> None:
        self._storage = storage
        self._former_owners = former_owners

    def listed(self) -> list[Family]:
        """Return all, those first that began first.

        Where a process left notes of what ran, its owners are one family: a step may have been noted under the name
        that the process had before a shutdown, and have ended under the next.
        """
        noted = {process_of(owner) for owner in self._noted_owners()} - {process_of(self._storage.owner)}
        sizes = self._sizes()
        families: dict[str, list[str]] = {}
        for owner in sorted(sizes, key=self._began):
            process = process_of(owner)
            families.setdefault(process if process in noted else owner, []).append(owner)
        return [Family(owners, sum(sizes[owner] for owner in owners)) for owners in families.values()]

    def inherit(self, family: Family) -> list[OwnerLock]:
        """Take the locks of all owners, or none where one of them lives or is somebody else's already."""
        locks: list[OwnerLock] = []
        for owner in sorted(family.owners):  # in one order for all: of two adopters the first gets all
            lock = OwnerLock.inherit(self._lock_path(owner))
            if lock is None:
                break
            locks.append(lock)
        if len(locks) == len(family.owners) and self._may_settle(family.owners):
            return locks
        for lock in locks:
            lock.close()
        return []

    def _may_settle(self, owners: list[str]) -> bool:
        """Tell whether notes of these owners could be believed; asked when nobody can change what they left any more.

        They cannot where their process goes on under a name that we had not seen: it gave up the former one after it
        took the new. Nor can notes of our own process, unless they are this exporter's, which has newer ones.
        """
        process = process_of(owners[0])
        noted = self._noted_owners(process)
        if process == process_of(self._storage.owner):
            return owners[0] in self._former_owners or owners[0] not in noted
        return not noted or self._others(process) <= set(owners)

    def _noted_owners(self, process: str = "") -> set[str]:
        return {name.owner for name in listed_names(self._storage.directory, process) if name.suffix == RUNNING}

    def _others(self, process: str) -> set[str]:
        return {owner for owner in self._sizes() if process_of(owner) == process}

    def _sizes(self) -> Counter[str]:
        """Return all other owners with this destination, and how many bytes lie there of each."""
        directory, destination = self._storage.directory, self._storage.destination
        sizes: Counter[str] = Counter()
        for name in listed_names(directory):
            if name.destination == destination:
                sizes[name.owner] += self._size(str(name)) if name.suffix in FOLDERS else 0  # half written
        for blob_name, blob in listed_blobs(directory):
            if blob.destination == destination:
                sizes[blob.owner] += self._size(blob_name)
        del sizes[self._storage.owner]
        return sizes

    def _size(self, name: str) -> int:
        try:
            return (self._storage.directory / name).lstat().st_size
        except OSError:  # sent meanwhile, by its owner
            return 0

    def _lock_path(self, owner: str) -> Path:
        return self._storage.directory / str(SpoolName(self._storage.destination, owner, 0, 0, LOCK))

    def _began(self, owner: str) -> float:
        """Return when the owner made its lock, which nobody writes to; long ago if it is not there."""
        try:
            return self._lock_path(owner).lstat().st_mtime
        except OSError:
            return 0.0
