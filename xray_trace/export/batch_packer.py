"""BatchPacker: the records of a journal become batches and blobs that can be sent."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from xray_trace.errors import SpoolError, SpoolFullError
from xray_trace.events import Record, decode_record
from xray_trace.export.batch import batch_body, split_batches
from xray_trace.export.blob_shelf import BlobShelf
from xray_trace.export.expander import Expander
from xray_trace.export.item import Item
from xray_trace.export.spool_name import BATCH, SpoolName
from xray_trace.export.storage import StorageAdapter

__all__ = ["BatchPacker", "Packed"]


class Packed(NamedTuple):
    """What a journal came to."""

    items: list[Item]
    staged: list[str]
    """Files that can go when the journal does."""
    own_events: int
    """Records that carried an event of their own, or cannot be read: what the caller counted, if it is this program."""
    expanded: int
    """Events and blobs that were made."""
    damaged: int
    """Records that could not be read."""
    lost_values: int
    """Values whose staged files were gone."""
    unkept: int
    """Events and values for which the settings leave no room."""


class BatchPacker:
    """Writes a journal's events as request bodies, which are never encoded again.

    The batches of a journal carry its number: whoever has to do the work again after a crash writes over them,
    and adds nothing.
    """

    def __init__(self, storage: StorageAdapter, make_room: Callable[[], bool], inline_max_bytes: int) -> None:
        self._storage = storage
        self._make_room = make_room
        self._shelf = BlobShelf(storage, self._write)
        self.expander = Expander(storage.destination, self._shelf.shelve, inline_max_bytes)

    def pack(self, journal_name: str, payloads: Iterable[bytes | None]) -> Packed:
        """Write the batches and blobs of these records; nothing is removed yet.

        Raises SpoolError if the storage fails, after which the journal can be packed again.
        """
        events, own_events, damaged = self._expand(payloads)
        staged, lost_values, unkept = self._shelf.take_staged(), self._shelf.take_lost(), self._shelf.take_unkept()
        name = SpoolName.parse(journal_name)
        assert name is not None, "journals are named by SpoolName"
        items: list[Item] = []
        made = len(events) + unkept
        for part, batch in enumerate(split_batches(events)):
            batch_name = str(name._replace(part=part, suffix=BATCH))
            try:
                self._write(batch_name, batch_body(batch))
                items.append(Item(batch_name, is_blob=False, events=len(batch)))
            except SpoolFullError:
                unkept += len(batch)
                self.expander.forget()  # the next that has one of these values has to bring it along
        blobs = self._shelf.take_items()
        return Packed(items + blobs, staged, own_events, made + len(blobs), damaged, lost_values, unkept)

    def _expand(self, payloads: Iterable[bytes | None]) -> tuple[list[bytes], int, int]:
        events: list[bytes] = []
        own_events = damaged = 0
        for payload in payloads:
            record = _decoded(payload)
            own_events += record is None or bool(record.event)  # most have one; each was counted when it was put
            try:
                events.extend(self.expander.expand(record) if record is not None else ())
                damaged += record is None
            except (msgspec.MsgspecError, ValueError, TypeError, KeyError):  # such as a shape that nobody knows
                damaged += 1
                self.expander.forget()  # or what was expanded in vain would be left out the next time
            except SpoolError:
                self.expander.forget()  # likewise
                self._shelf.forget_failed()  # it is met again, and counted, the next time
                raise
        return events, own_events, damaged

    def _write(self, name: str, *chunks: bytes) -> None:
        try:
            self._storage.write(name, *chunks)
        except SpoolFullError:
            if not self._make_room():
                raise
            self._storage.write(name, *chunks)


def _decoded(payload: bytes | None) -> Record | None:
    try:
        return decode_record(payload or b"")
    except (msgspec.MsgspecError, ValueError, TypeError):
        return None
