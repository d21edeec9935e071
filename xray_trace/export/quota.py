"""Quota: how much of the disk a program may keep, what it took over from the dead included."""

import contextlib

from xray_trace.errors import FileGoneError
from xray_trace.export.batch_queue import JOURNAL_BYTES
from xray_trace.export.item import Item
from xray_trace.export.storage import StorageAdapter

__all__ = ["Quota"]

_SHARE_OF_THE_DEAD = 0.75
"""What is taken over fills no more than this, so that the program's own journals and batches have room beside it."""

_SLACK = 4
"""Times the room of the journals: for what is recorded while what was taken over is tried for the first time."""


class Quota:
    """The settings' limit, and what the dead left where that is more: it lay on the disk before.

    Starting evicts nothing. What is recorded evicts the oldest once all is over this; while the server is away, the
    whole grows by no more than the journals, which end with the program. So however many programs end one after
    another, what they leave stays within the limit, or within the most that one of them left.
    """

    def __init__(self, max_bytes: int, storage: StorageAdapter) -> None:
        self._max_bytes = max_bytes
        self._journals_bytes = min(2 * JOURNAL_BYTES, max_bytes // 6)  # an open and a spare one, see `BatchQueue`
        self._storage = storage
        self.inherited_bytes = 0

    def has_room_for(self, size: int) -> bool:
        """Tell whether so much that dead programs left may be taken over beside all that is kept already."""
        return self._storage.used_bytes + size <= self._max_bytes * _SHARE_OF_THE_DEAD

    def inherit(self, items: list[Item]) -> None:
        """Know that these were taken over."""
        for item in items:
            with contextlib.suppress(FileGoneError):  # removed by somebody else; whoever sends it counts it
                size = self._storage.size_bytes(item.name)
                self.inherited_bytes += size
                self._storage.raise_limit(size)

    def is_exceeded(self, *, is_away: bool, is_last: bool) -> bool:
        """Tell whether something has to go; `is_away` says that sending was tried in vain, `is_last` that we end."""
        used = self._storage.used_bytes
        if used < self.inherited_bytes:  # some of it was sent
            self._storage.raise_limit(used - self.inherited_bytes)
            self.inherited_bytes = used
        beside = 0 if is_last else self._journals_bytes * (1 if is_away else _SLACK)
        return used > max(self._max_bytes, self.inherited_bytes + beside)
