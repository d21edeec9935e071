"""Outbox: what waits for the server, in order; lives in the background thread alone."""

import asyncio
import itertools

from xray_trace.export.item import Item

__all__ = ["Outbox"]


class Outbox:
    """Batches and blobs, each handed to one sender at a time, oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[bool, dict[str, tuple[int, Item]]] = {True: {}, False: {}}
        self._turns = itertools.count()
        self._in_flight: dict[bool, set[str]] = {True: set(), False: set()}
        self._changed = asyncio.Event()

    def add(self, item: Item) -> None:
        """Let it wait for its turn, behind all others of its kind."""
        self._waiting[item.is_blob].setdefault(item.name, (next(self._turns), item))
        self._changed.set()

    async def take(self, *, blobs: bool) -> Item:
        """Return the next of this kind, once there is one; it is in flight until `done` or `put_back`."""
        waiting = self._waiting[blobs]
        while not waiting:
            await self._wait_for_change()
        _, item = waiting.pop(next(iter(waiting)))
        self._in_flight[blobs].add(item.name)
        return item

    def done(self, item: Item) -> None:
        """Forget an item that is delivered or lost."""
        self._in_flight[item.is_blob].discard(item.name)
        self._changed.set()

    def put_back(self, item: Item) -> None:
        """Let it wait again, behind the others, so that one that always fails does not stop them."""
        self._in_flight[item.is_blob].discard(item.name)
        self.add(item)

    def oldest(self) -> Item | None:
        """Return and forget the oldest that waits: what the quota takes first."""
        heads = [next(iter(waiting.values())) for waiting in self._waiting.values() if waiting]
        if not heads:
            return None
        _, item = min(heads, key=lambda head: head[0])
        del self._waiting[item.is_blob][item.name]
        self._changed.set()
        return item

    def is_empty(self, *, blobs: bool) -> bool:
        """Tell whether nothing of this kind waits or is in flight."""
        return not (self._in_flight[blobs] or self._waiting[blobs])

    async def emptied(self, *, blobs: bool) -> None:
        """Return once nothing of this kind waits or is in flight."""
        while not self.is_empty(blobs=blobs):
            await self._wait_for_change()

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
