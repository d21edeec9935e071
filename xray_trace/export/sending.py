"""Sending: all that needs aiohttp; imported when the first item is there to be sent."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from xray_trace.config import Config
from xray_trace.export.backoff import Backoff
from xray_trace.export.circuit import Circuit
from xray_trace.export.data_uploader import DataUploader
from xray_trace.export.drop_notices import DropNotices
from xray_trace.export.event_uploader import EventUploader
from xray_trace.export.lane import Lane
from xray_trace.export.ledger import Ledger
from xray_trace.export.outbox import Outbox
from xray_trace.export.storage import StorageAdapter
from xray_trace.export.transport import Transport
from xray_trace.guard import Guard

__all__ = ["Sending"]

_PARALLEL_BATCHES = 4  # hides the time to the server and back; the server takes events in any order
_PARALLEL_BLOBS = 8  # twice the PUTs at a time, so that places are there when a line becomes free
_REST_AFTER_ERROR_SECONDS = 1.0  # an error of our own must not become a busy loop


class Sending:
    """The senders and what they share: connections, and a circuit each for the server and the store of blobs."""

    def __init__(
        self,
        config: Config,
        storage: StorageAdapter,
        outbox: Outbox,
        ledger: Ledger,
        notices: DropNotices,
        guard: Guard,
        report: Callable[[str], None],
    ) -> None:
        self._outbox = outbox
        self._guard = guard
        self._transport = Transport(config)
        self._server = Circuit("the server", config.max_attempts, report, Backoff())
        self._store = Circuit("the store of large values", config.max_attempts, report, Backoff())
        events = EventUploader(storage, outbox, self._transport.post_packed, self._server, ledger, notices)
        data = DataUploader(storage, self._transport, self._server, self._store, ledger)
        batch_lane = Lane(outbox, ledger, events, blobs=False)
        blob_lane = Lane(outbox, ledger, data, blobs=True)
        lanes = [batch_lane] * _PARALLEL_BATCHES + [blob_lane] * _PARALLEL_BLOBS
        self._tasks = [asyncio.create_task(self._repeat(lane.send_next)) for lane in lanes]

    def is_away(self) -> bool:
        """Tell whether sending failed so often that only one attempt at a time is made, now and then."""
        return self._server.stalled.is_set() or self._store.stalled.is_set()

    async def settled(self) -> None:
        """Try at once whatever rests, and return when all is sent or there is no sense in going on now."""
        self._outbox.hurry()
        self._server.kick()
        self._store.kick()
        server, store = self._server.stalled, self._store.stalled
        await asyncio.gather(
            _first_of(self._outbox.emptied(blobs=False), server.wait()),
            _first_of(self._outbox.emptied(blobs=True), server.wait(), store.wait()),
        )

    async def close(self) -> None:
        """Stop at once; what is not known to be delivered stays in the spool."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._transport.close()

    async def _repeat(self, send_next: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await send_next()
            except Exception as error:  # noqa: BLE001 - the sender must survive whatever happens to one item
                self._guard.swallow(error, "sending to the server")
                await asyncio.sleep(_REST_AFTER_ERROR_SECONDS)


async def _first_of(*conditions: Coroutine[Any, Any, object]) -> None:
    waits = [asyncio.ensure_future(condition) for condition in conditions]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
