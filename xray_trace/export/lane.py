"""Lane: takes one item after another out of the outbox and has it sent."""

from typing import Protocol

from xray_trace.errors import FileGoneError
from xray_trace.export.answer import Decision
from xray_trace.export.item import Item
from xray_trace.export.ledger import Ledger
from xray_trace.export.outbox import Outbox

__all__ = ["Lane", "Uploader"]


class Uploader(Protocol):
    """Brings one kind of item to the server; any number of lanes may use one at the same time."""

    async def send(self, item: Item) -> Decision:
        """Make one attempt and account for what came of it; RETRY and PAUSE leave the item as it was.

        Raises SpoolError if the item cannot be read, FileGoneError if it is not there any more.
        """


class Lane:
    """Sends items of one kind, one at a time; whatever happens, an item is done with or put back."""

    def __init__(self, outbox: Outbox, ledger: Ledger, uploader: Uploader, *, blobs: bool) -> None:
        self._outbox = outbox
        self._ledger = ledger
        self._uploader = uploader
        self._blobs = blobs

    async def send_next(self) -> None:
        """Take the next item, once there is one, and make one attempt."""
        item = await self._outbox.take(blobs=self._blobs)
        try:
            decision = await self._uploader.send(item)
        except FileGoneError:
            self._ledger.gone(item)
            self._outbox.done(item)
            return
        except BaseException:  # of the disk too: what cannot be read now may be readable later
            self._outbox.put_back(item, failed=True)
            raise
        if decision in (Decision.RETRY, Decision.PAUSE):
            self._outbox.put_back(item, failed=decision is Decision.RETRY)
        else:
            self._outbox.done(item)
