"""Adopter: brings to the server what programs left that are gone."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from xray_trace.errors import SpoolError
from xray_trace.export.batch import batch_body, validated_events
from xray_trace.export.batch_packer import BatchPacker
from xray_trace.export.blob_header import read_header
from xray_trace.export.dead_notes import DeadNotes
from xray_trace.export.disk_storage import DiskStorage
from xray_trace.export.drop_notices import DropNotices
from xray_trace.export.expander import lost_value_event
from xray_trace.export.families import Families
from xray_trace.export.frames import unframe
from xray_trace.export.intake import LateNotice
from xray_trace.export.item import Item
from xray_trace.export.ownership import OwnerLock
from xray_trace.export.spool_listing import listed_blobs, listed_names
from xray_trace.export.spool_name import BATCH, DROPS, JOURNAL, LATE, REJECTED, RUNNING, STAGED, TEMPORARY, SpoolName
from xray_trace.guard import Guard
from xray_trace.stats import Stats

__all__ = ["Adopter"]


class Adopter:
    """Takes over, from each dead owner with the same destination, everything and once.

    Holding the dead owner's lock is what makes it once; the lock's file is removed last, so that an adopter that
    dies on the way leaves the rest to the next.
    """

    def __init__(
        self,
        storage: DiskStorage,
        packer: BatchPacker,
        stats: Stats,
        former_owners: set[str],
        notices: DropNotices,
        guard: Guard,
        report: Callable[[str], None],
    ) -> None:
        """Know `former_owners` as those that this program itself was before: what they recorded is counted already."""
        self._storage = storage
        self._packer = packer
        self._stats = stats
        self._notices = notices
        self._guard = guard
        self._report = report
        self._families = Families(storage, former_owners)
        self._former_owners = former_owners
        self.has_left = False
        """Whether the last look found something that has to wait until there is room for it."""
        self._is_former = False
        self._items: list[Item] = []

    def adopt(self, may_take: Callable[[int], bool]) -> Iterator[list[Item]]:
        """Yield, for each dead process, the items that are ours now; who began first comes first, as in the quota.

        `may_take` says of how many bytes a process left whether they may become ours now. Where it says no, they
        and all that follows stay as they are.
        """
        self.has_left = False
        for family in self._families.listed():
            locks = self._families.inherit(family)
            if not locks:
                continue
            if not may_take(family.bytes):
                self.has_left = True
                for lock in locks:
                    lock.close()
                return
            with self._guard.around("taking over what a dead process left"):
                self._take_over_with(locks, family.owners)
            items, self._items = self._items, []
            yield items

    def _take_over_with(self, locks: list[OwnerLock], owners: list[str]) -> None:
        try:
            with self._storage.without_limit():  # what is taken over lies on the disk already
                self._take_over_all(owners)
            for lock in locks:
                lock.release()
        except SpoolError as error:
            self._packer.expander.forget()
            self._leave(owners)
            self._report(f"{error}; the rest of what that program left is looked at again later")
        finally:
            for lock in locks:
                lock.close()

    def _leave(self, owners: list[str]) -> None:
        """Count no more what was packed, but is left to the next look or to another program."""
        for name in self._storage.names():
            parsed = SpoolName.parse(name)
            if parsed is not None and parsed.owner in owners:
                self._storage.leave(name)

    def _take_over_all(self, owners: list[str]) -> None:
        """Take everything; what an adopter that was killed had half written goes first, being in the way.

        Journals come next, since they name staged files and may already hold what a late value became. Then the
        notes of what ran are settled, while every end that they may have lies in a batch of these owners: an
        adopter that is killed has taken no batch away as long as there is a note.
        """
        for owner in owners:
            self._is_former = owner in self._former_owners
            self._remove_temporary(owner)
            for journal in self._names(owner, JOURNAL):
                payloads = unframe(self._storage.read(str(journal)), damaged=True)
                self._pack(journal, payloads, [journal])
        self._settle_notes(owners)
        for owner in owners:
            self._is_former = owner in self._former_owners
            self._take_over(owner)

    def _take_over(self, owner: str) -> None:
        for batch in self._names(owner, BATCH):
            self._take_batch(str(batch))
        for blob in self._blobs(owner):
            self._take_blob(blob)
        for late in self._names(owner, LATE):
            self._tell_of_lost_value(str(late))
        for drops in self._names(owner, DROPS):
            own_name = self._storage.new_name(DROPS)
            self._storage.take_over(str(drops), own_name)
            self._notices.inherit(own_name)
        for rejected in self._names(owner, REJECTED):
            self._storage.take_over(str(rejected), self._storage.new_name(REJECTED))
        for staged in self._names(owner, STAGED):
            self._storage.remove(str(staged))

    def _names(self, owner: str, suffix: str) -> list[SpoolName]:
        return sorted(name for name in listed_names(self._storage.directory, owner) if name.suffix == suffix)

    def _blobs(self, owner: str) -> list[str]:
        """Return the owner's blobs, and those that became ours when a record naming them was packed again."""
        kept = set(self._storage.names())
        ours = {owner, self._storage.owner}
        found = listed_blobs(self._storage.directory)
        return [name for name, blob in found if blob.owner in ours and name not in kept]

    def _settle_notes(self, owners: list[str]) -> None:
        """Close what was running when the process died; what still runs in this very process has a newer note."""
        names = [note for owner in owners for note in self._names(owner, RUNNING)]
        if not self._is_former:
            dead = DeadNotes(self._storage, names, [b for owner in owners for b in self._names(owner, BATCH)])
            for notes, payloads in dead.closings():
                self._pack(notes[0], payloads, notes)
            self._count_lost(dead.damaged, "a note of what was running was damaged")
        for note in names:
            self._storage.remove(str(note))

    def _pack(self, name: SpoolName, payloads: Iterable[bytes | None], sources: list[SpoolName]) -> None:
        """Make batches of a dead owner's records, under that owner's name: doing it twice adds nothing."""
        packed = self._packer.pack(str(name), payloads)
        for done in (*map(str, sources), *packed.staged):
            self._storage.remove(done)
        if self._is_former:
            self._stats.record(packed.expanded + packed.damaged + packed.lost_values - packed.own_events)
        self._count_lost(packed.damaged, "a record in the spool was damaged")
        self._count_lost(packed.lost_values, "a value's file was gone from the spool")
        self._count_lost(packed.unkept, "the spool was full")
        for item in packed.items:
            if item.is_blob:  # the batches are found with the owner's others
                self._own(item)

    def _take_batch(self, name: str) -> None:
        events, damaged = validated_events(self._storage.read(name))
        self._count_lost(damaged, "an event in the spool was damaged")
        if not events:
            self._storage.remove(name)
            return
        if damaged:
            self._storage.write(name, batch_body(events))
        own_name = self._storage.new_name(BATCH)
        self._storage.take_over(name, own_name)
        self._own(Item(own_name, is_blob=False, events=len(events)))

    def _take_blob(self, name: str) -> None:
        with self._storage.open(name) as file:
            header, offset = read_header(file)
        own = msgspec.structs.replace(header, owner=self._storage.owner)
        if not own.fits(offset) or self._storage.size_bytes(name) != offset + header.size_bytes:
            self._storage.remove(name)
            self._count_lost(1, "a value in the spool was damaged")
            return
        self._storage.patch(name, own.line(offset))
        self._storage.take_over(name, name)
        self._own(Item(name, is_blob=True, events=1))

    def _tell_of_lost_value(self, name: str) -> None:
        """Tell the server of a value that its process took with it, unless it was saved."""
        try:
            notice = msgspec.json.decode(self._storage.read(name), type=LateNotice)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._storage.remove(name)
            self._count_lost(1, "the notice of a large value was damaged")
            return
        if not self._packer.expander.has_seen(notice.data_id):
            sentence = "the process ended before this value was encoded"
            event = lost_value_event(notice.trace_id, notice.data_id, notice.key, sentence)
            batch_name = self._storage.new_name(BATCH)
            self._storage.write(batch_name, batch_body([event]))
            self._stats.adopt(2)  # the value, which is lost, and the event that says so
            self._stats.drop("a large value was lost with its process")
            self._items.append(Item(batch_name, is_blob=False, events=1))
        self._storage.remove(name)

    def _own(self, item: Item) -> None:
        self._items.append(item)
        if not self._is_former:
            self._stats.adopt(item.events)

    def _count_lost(self, count: int, reason: str) -> None:
        if not count:
            return
        if not self._is_former:
            self._stats.adopt(count)
        self._stats.drop(reason, count)
        self._report(f"{count} items of a program that is gone are lost: {reason}")

    def _remove_temporary(self, owner: str) -> None:
        for path in self._storage.directory.glob(f"*/{self._storage.destination}-{owner}-*{TEMPORARY}"):
            try:
                path.unlink()
            except OSError as error:
                raise SpoolError(f"{path} cannot be removed: {error.strerror}") from error
