"""Outbox: what waits for the server, in order; lives in the background thread alone."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from xray_trace.export.backoff import Backoff
from xray_trace.export.item import Item

__all__ = ["Outbox"]


class Outbox:
    """Batches and blobs, each handed to one sender at a time, oldest first.

    One that failed rests before it waits again, each time longer, so that one that always fails does not stop
    the others. Ordered dictionaries, because taking the first of a plain one passes over all that were removed.
    """

    def __init__(self, when_empty: Callable[[], None], backoff: Backoff | None = None) -> None:
        self._when_empty = when_empty
        self._backoff = backoff or Backoff()
        self._kept: OrderedDict[str, Item] = OrderedDict()  # by age, which is the order in which the quota takes them
        self._waiting: dict[bool, OrderedDict[str, Item]] = {True: OrderedDict(), False: OrderedDict()}
        self._resting: dict[str, asyncio.TimerHandle] = {}
        self._failures: dict[str, int] = {}
        self._left = {True: 0, False: 0}
        self._changed = asyncio.Event()

    def add(self, item: Item) -> None:
        """Let it wait for its turn, behind all others of its kind."""
        if item.name not in self._kept:
            self._kept[item.name] = item
            self._left[item.is_blob] += 1
            self._wait(item)

    async def take(self, *, blobs: bool) -> Item:
        """Return the next of this kind, once there is one; it is in flight until `done` or `put_back`."""
        waiting = self._waiting[blobs]
        while not waiting:
            await self._wait_for_change()
        return waiting.popitem(last=False)[1]

    def done(self, item: Item) -> None:
        """Forget an item that is delivered or lost."""
        self._failures.pop(item.name, None)
        if self._kept.pop(item.name, None) is not None:
            self._left[item.is_blob] -= 1
        self._changed.set()
        if not self._kept:
            self._when_empty()

    def put_back(self, item: Item, *, failed: bool) -> None:
        """Let it wait again, behind the others; one that failed rests first."""
        if not failed:
            self._wait(item)
            return
        failures = self._failures[item.name] = self._failures.get(item.name, 0) + 1
        delay = self._backoff.delay_seconds(failures)
        self._resting[item.name] = asyncio.get_running_loop().call_later(delay, self._end_rest, item)

    def hurry(self) -> None:
        """End all rests and forgive all failures: somebody wants everything to be sent now."""
        self._failures.clear()
        for name in list(self._resting):
            self._resting[name].cancel()
            self._end_rest(self._kept[name])

    def oldest(self) -> Item | None:
        """Return and forget the oldest that is not in flight: what the quota takes first."""
        for name, item in self._kept.items():  # passes over what is in flight, which is never much
            if name in self._waiting[item.is_blob] or name in self._resting:
                break
        else:
            return None
        self._waiting[item.is_blob].pop(name, None)
        if name in self._resting:
            self._resting.pop(name).cancel()
        self.done(item)
        return item

    def kept(self) -> list[Item]:
        """Return all that is not delivered or lost, what is in flight included."""
        return list(self._kept.values())

    def is_empty(self) -> bool:
        """Tell whether nothing waits, rests or is in flight."""
        return not self._kept

    async def emptied(self, *, blobs: bool) -> None:
        """Return once nothing of this kind waits, rests or is in flight."""
        while self._left[blobs]:
            await self._wait_for_change()

    def _wait(self, item: Item) -> None:
        self._waiting[item.is_blob][item.name] = item
        self._changed.set()

    def _end_rest(self, item: Item) -> None:
        del self._resting[item.name]
        self._wait(item)

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
