"""DataUploader: blobs -> presign -> PUT, straight from the disk."""

from typing import BinaryIO

import msgspec

from xray_trace.errors import FileGoneError
from xray_trace.export.answer import Decision, classify_presign, classify_put
from xray_trace.export.blob_header import BlobHeader, read_header
from xray_trace.export.item import Item
from xray_trace.export.ledger import Ledger
from xray_trace.export.outbox import Outbox
from xray_trace.export.pace import Outcome, Pace
from xray_trace.export.storage import StorageAdapter
from xray_trace.export.transport import Transport

__all__ = ["DataUploader"]


class DataUploader:
    """Sends one blob after another; several of these work side by side on one outbox."""

    def __init__(
        self, storage: StorageAdapter, outbox: Outbox, transport: Transport, pace: Pace, ledger: Ledger
    ) -> None:
        self._storage = storage
        self._outbox = outbox
        self._transport = transport
        self._pace = pace
        self._ledger = ledger

    async def send_next(self) -> None:
        """Take the oldest blob and send it until its fate is decided, or it has to wait its turn again."""
        item = await self._outbox.take(blobs=True)
        try:
            with self._storage.open(item.name) as file:
                header, offset = read_header(file)
                outcome = await self._pace.settle(lambda: self._attempt(header, file, offset))
            self._conclude(item, outcome)
        except FileGoneError:
            self._ledger.gone(item)
            self._outbox.done(item)
            return
        except BaseException:  # of the disk too: a value that cannot be read now may be readable later
            self._outbox.put_back(item)
            raise
        if outcome.decision is Decision.RETRY:
            self._outbox.put_back(item)
        else:
            self._outbox.done(item)

    async def _attempt(self, header: BlobHeader, file: BinaryIO, offset: int) -> Outcome:
        """Ask for a place and fill it; the URL is asked for each time, since it may have expired."""
        answer = await self._transport.post("/api/v1/presign", _presign_body(header))
        decision = classify_presign(answer)
        if decision is not Decision.DONE:
            return Outcome(decision, answer)
        file.seek(offset)
        url = str(answer.json()["presignedUrl"])
        answer = await self._transport.put(url, file, header.content_type, header.size_bytes)
        return Outcome(classify_put(answer), answer)

    def _conclude(self, item: Item, outcome: Outcome) -> None:
        if outcome.decision is Decision.DONE:
            self._ledger.delivered(item, item.events)
        elif outcome.decision is Decision.REFUSE:
            self._ledger.set_blob_aside(item, outcome.answer.describe())


def _presign_body(header: BlobHeader) -> bytes:
    return msgspec.json.encode(
        {
            "dataId": header.data_id,
            "traceId": header.trace_id,
            "key": header.key,
            "metadata": header.metadata,
            "contentType": header.content_type,
            "sizeBytes": header.size_bytes,
            "sha256": header.sha256,
        }
    )
