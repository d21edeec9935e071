"""Ledger: what leaves the spool, and how the statistics hear of it."""

from collections.abc import Iterable
from dataclasses import replace

from xray_trace.errors import SpoolError
from xray_trace.export.batch import batch_body
from xray_trace.export.batch_packer import Packed
from xray_trace.export.item import Item
from xray_trace.export.reporter import Reporter
from xray_trace.export.spool_name import REJECTED
from xray_trace.export.storage import StorageAdapter
from xray_trace.stats import Stats

__all__ = ["Ledger"]


class Ledger:
    """Removes what is done with and counts it, in this order: a count never runs ahead of the spool."""

    def __init__(self, storage: StorageAdapter, stats: Stats, reporter: Reporter) -> None:
        self._storage = storage
        self._stats = stats
        self._reporter = reporter
        self._held: dict[str, tuple[list[str], set[str]]] = {}
        """Journals that have to stay: the files that go with each, and the items for which it stays."""

    def settle_journal(self, name: str, packed: Packed) -> list[Item]:
        """Remove a journal whose items all lie as safe as it does; return the items.

        When the disk filled, and a batch of it is in memory only, the journal stays until its items are gone:
        then whoever adopts it can pack it again.
        """
        files = [name, *packed.staged]
        if not self._storage.is_durable(name) or all(self._storage.is_durable(item.name) for item in packed.items):
            self._remove(files)
            return packed.items
        self._held[name] = (files, {item.name for item in packed.items})
        return [replace(item, journal=name) for item in packed.items]

    def replaced(self, item: Item, others: list[Item]) -> None:
        """Remove an item in whose place others are."""
        if item.journal in self._held:
            self._held[item.journal][1].update(other.name for other in others)
        self._discard(item)

    def delivered(self, item: Item, events: int) -> None:
        """Remove an item of which the server has so many events."""
        self._discard(item)
        self._stats.deliver(events)
        self._reporter.trace(f"delivered {events} items of {item.name}")

    def gone(self, item: Item) -> None:
        """Count an item whose file somebody else removed."""
        self._discard(item)
        self.lost(item.events, "removed from the spool by another program")

    def evicted(self, item: Item) -> None:
        """Remove an item for which the settings leave no room."""
        self._discard(item)
        self.lost(item.events, "the spool was full")

    def ended(self, items: Iterable[Item]) -> None:
        """Count what nobody can send any more: what neither lies on disk itself nor in a journal there."""
        unsafe = [item for item in items if item.journal is None and not self._storage.is_durable(item.name)]
        for item in unsafe:
            self._discard(item)
        self.lost(sum(item.events for item in unsafe), "in memory only and not sent in time")

    def lost(self, events: int, reason: str) -> None:
        """Count what is lost and say so."""
        if events:
            self._stats.drop(reason, events)
            self._reporter.report(f"{events} recorded items are lost: {reason}")

    def set_aside(self, events: list[bytes], explanation: str) -> None:
        """Keep refused events where a person can look at them, and count them as dropped."""
        name = self._storage.new_name(REJECTED)
        try:
            self._storage.write(name, batch_body(events))
        except SpoolError:
            name = "nowhere, for want of room"
        self._stats.drop("rejected by the server", len(events))
        self._reporter.report(f"the server rejected {len(events)} events ({explanation}); they are kept in {name}")

    def set_blob_aside(self, item: Item, explanation: str) -> None:
        """Keep a refused blob where a person can look at it, and count it as dropped."""
        name = self._storage.new_name(REJECTED)
        self._storage.publish(item.name, name)
        self._discard(item)
        self._stats.drop("rejected by the server", item.events)
        self._reporter.report(f"the server rejected a value ({explanation}); it is kept in {name}")

    def _discard(self, item: Item) -> None:
        self._remove([item.name])
        if item.journal not in self._held:
            return
        files, items = self._held[item.journal]
        items.discard(item.name)
        if not items:
            del self._held[item.journal]
            self._remove(files)

    def _remove(self, names: list[str]) -> None:
        """Remove the files; one that stays costs no more than being sent again by the next start, under its ids."""
        for name in names:
            try:
                self._storage.remove(name)
            except SpoolError as error:
                self._reporter.report(str(error))
