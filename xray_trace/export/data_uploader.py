"""DataUploader: blobs -> presign -> PUT, whole or in parts, straight from the disk."""

from xray_trace.export.answer import Answer, Decision, Outcome, classify_put
from xray_trace.export.blob import Blob
from xray_trace.export.circuit import Circuit
from xray_trace.export.item import Item
from xray_trace.export.ledger import Ledger
from xray_trace.export.multipart import Multipart
from xray_trace.export.place import read_place
from xray_trace.export.presign_desk import PresignDesk
from xray_trace.export.put_line import PutLine
from xray_trace.export.storage import StorageAdapter
from xray_trace.export.transport import Transport

__all__ = ["DataUploader"]


class DataUploader:
    """Sends blobs; any number of lanes may use it at the same time."""

    def __init__(
        self, storage: StorageAdapter, transport: Transport, server: Circuit, store: Circuit, ledger: Ledger
    ) -> None:
        self._storage = storage
        self._post = transport.post
        self._server = server
        self._ledger = ledger
        self._line = PutLine(transport, store)
        self._desk = PresignDesk(transport.post, server)
        self._begun_anew: set[str] = set()

    async def send(self, item: Item) -> Decision:
        """Make one attempt and account for what came of it; see `Uploader`."""
        blob = Blob(self._storage, item.name)
        outcome = await self._upload(blob)
        if outcome.decision is Decision.REFUSE and self._may_begin_anew(blob):
            return Decision.RETRY
        if outcome.decision is Decision.DONE:
            self._ledger.delivered(item, item.events)
        elif outcome.decision is Decision.REFUSE:
            self._ledger.set_blob_aside(item, outcome.answer.describe())
        if outcome.decision in (Decision.DONE, Decision.REFUSE):
            self._begun_anew.discard(item.name)
        return outcome.decision

    def _may_begin_anew(self, blob: Blob) -> bool:
        """Forget an upload in parts that came to nothing, once: the server may have lost it, or bytes on the way."""
        if not blob.header.upload_id or blob.name in self._begun_anew:
            return False
        self._begun_anew.add(blob.name)
        blob.keep_upload_id("")
        return True

    async def _upload(self, blob: Blob) -> Outcome:
        outcome = await self._find_place(blob)
        if outcome.decision is not Decision.DONE:
            return outcome
        place = read_place(outcome.answer.body, blob.header.size_bytes)
        if place is None:
            return Outcome(Decision.RETRY, Answer(0, problem="it named no place for a value"))
        if place.upload is None:
            header = blob.header
            return await self._line.put(
                blob, 0, header.size_bytes, place.presigned_url, header.content_type, classify_put
            )
        blob.keep_upload_id(place.upload.upload_id)  # before the first part goes: whoever comes after us goes on
        return await Multipart(blob, place.upload, self._line, self._post, self._server).send()

    async def _find_place(self, blob: Blob) -> Outcome:
        """Ask for a place each time, since URLs expire."""
        if blob.header.upload_id:
            outcome = await self._desk.resume(blob.header)
            if outcome.decision is not Decision.REFUSE:
                return outcome
            blob.keep_upload_id("")
        return await self._desk.announce(blob.header)
