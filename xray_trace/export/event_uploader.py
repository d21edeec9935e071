"""EventUploader: sealed batches -> POST /api/v1/ingest."""

from collections.abc import Awaitable
from typing import Protocol

from xray_trace.export.answer import Answer, Decision, Outcome, classify_ingest
from xray_trace.export.batch import batch_body, batch_events
from xray_trace.export.circuit import Circuit
from xray_trace.export.drop_notices import DropNotices
from xray_trace.export.item import Item
from xray_trace.export.ledger import Ledger
from xray_trace.export.outbox import Outbox
from xray_trace.export.spool_name import BATCH
from xray_trace.export.storage import StorageAdapter

__all__ = ["EventUploader", "Post"]


class Post(Protocol):
    """Sends JSON to the server."""

    def __call__(self, path: str, body: bytes, headers: dict[str, str], /) -> Awaitable[Answer]:
        """Return what it answered."""


class EventUploader:
    """Sends batches; a batch's file goes only once the server has every event, or refused it."""

    def __init__(
        self, storage: StorageAdapter, outbox: Outbox, post: Post, server: Circuit, ledger: Ledger, notices: DropNotices
    ) -> None:
        self._storage = storage
        self._outbox = outbox
        self._post = post
        self._server = server
        self._ledger = ledger
        self._notices = notices

    async def send(self, item: Item) -> Decision:
        """Make one attempt and account for what came of it; see `Uploader`."""
        body = self._storage.read(item.name)
        outcome = await self._server.attempt(lambda: self._attempt(body))
        self._conclude(item, body, outcome)
        return outcome.decision

    async def _attempt(self, body: bytes) -> Outcome:
        notice = self._notices.next()
        answer = await self._post("/api/v1/ingest", body, notice.header)
        outcome = Outcome(classify_ingest(answer), answer)
        if outcome.decision is Decision.DONE:
            self._notices.told(notice)
        return outcome

    def _conclude(self, item: Item, body: bytes, outcome: Outcome) -> None:
        if outcome.decision is Decision.DONE:
            self._deliver(item, body, outcome.answer)
        elif outcome.decision is Decision.REFUSE:
            self._refuse(item, body, outcome.answer)
        elif outcome.decision is Decision.SPLIT:
            self._split(item, body, outcome.answer)

    def _deliver(self, item: Item, body: bytes, answer: Answer) -> None:
        refused = _refused_events(body, answer)
        if refused:
            self._ledger.set_aside(refused, answer.describe())
        self._ledger.delivered(item, item.events - len(refused))

    def _refuse(self, item: Item, body: bytes, answer: Answer) -> None:
        events = batch_events(body)
        refused = _refused_events(body, answer)
        if not refused or len(refused) == len(events):
            self._ledger.set_aside(events, answer.describe())
            self._ledger.delivered(item, 0)
            return
        self._ledger.set_aside(refused, answer.describe())
        wrong = set(refused)
        self._replace(item, [[event for event in events if event not in wrong]])

    def _split(self, item: Item, body: bytes, answer: Answer) -> None:
        events = batch_events(body)
        if len(events) == 1:
            self._ledger.set_aside(events, answer.describe())
            self._ledger.delivered(item, 0)
            return
        middle = len(events) // 2
        self._replace(item, [events[:middle], events[middle:]])

    def _replace(self, item: Item, batches: list[list[bytes]]) -> None:
        """Put other batches in the place of this one; they are written first, so that no moment has neither."""
        others = [Item(self._storage.new_name(BATCH), False, len(events), item.journal) for events in batches]
        for other, events in zip(others, batches, strict=True):
            self._storage.write(other.name, batch_body(events))
        self._ledger.replaced(item, others)
        for other in others:
            self._outbox.add(other)


def _refused_events(body: bytes, answer: Answer) -> list[bytes]:
    """Return the events that the answer names by their place in the batch."""
    content = answer.json()
    details = content.get("details")
    rejected = content.get("rejected") or (details.get("rejected") if isinstance(details, dict) else details)
    if not isinstance(rejected, list):
        return []
    events = batch_events(body)
    places = {entry["index"] for entry in rejected if isinstance(entry, dict) and isinstance(entry.get("index"), int)}
    return [event for place, event in enumerate(events) if place in places]
