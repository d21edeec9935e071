"""Sending: all that needs aiohttp; imported when the first item is there to be sent."""

import asyncio
from collections.abc import Awaitable, Callable

from xray_trace.config import Config
from xray_trace.export.backoff import Backoff
from xray_trace.export.data_uploader import DataUploader
from xray_trace.export.event_uploader import EventUploader
from xray_trace.export.ledger import Ledger
from xray_trace.export.outbox import Outbox
from xray_trace.export.pace import Pace, Rests
from xray_trace.export.storage import StorageAdapter
from xray_trace.export.transport import Transport
from xray_trace.guard import Guard

__all__ = ["Sending"]

_PARALLEL_BLOBS = 4  # enough to fill a line while presign calls are answered, few enough for a small server
_REST_AFTER_ERROR_SECONDS = 1.0  # an error of our own must not become a busy loop


class Sending:
    """The senders and what they share; batches go one after another, blobs side by side."""

    def __init__(
        self,
        config: Config,
        storage: StorageAdapter,
        outbox: Outbox,
        ledger: Ledger,
        guard: Guard,
        report: Callable[[str], None],
    ) -> None:
        self._outbox = outbox
        self._guard = guard
        self._transport = Transport(config)
        self._rests = {False: Rests(), True: Rests()}
        backoff = Backoff()
        pace = Pace(config.max_attempts, self._rests[False], report, backoff)
        events = EventUploader(storage, outbox, self._transport.post, pace, ledger)
        self._tasks = [asyncio.create_task(self._repeat(events.send_next))]
        for _ in range(_PARALLEL_BLOBS):
            pace = Pace(config.max_attempts, self._rests[True], report, backoff)
            data = DataUploader(storage, outbox, self._transport, pace, ledger)
            self._tasks.append(asyncio.create_task(self._repeat(data.send_next)))

    async def settled(self) -> None:
        """Try at once whatever rests, and return when all is sent or there is no sense in going on now."""
        for rests in self._rests.values():
            rests.kick()
        await asyncio.gather(self._settled(blobs=False), self._settled(blobs=True))

    async def close(self) -> None:
        """Stop at once; what is not known to be delivered stays in the spool."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._transport.close()

    async def _settled(self, *, blobs: bool) -> None:
        waits = [
            asyncio.ensure_future(self._outbox.emptied(blobs=blobs)),
            asyncio.ensure_future(self._rests[blobs].stalled.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _repeat(self, send_next: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await send_next()
            except Exception as error:  # noqa: BLE001 - the sender must survive whatever happens to one item
                self._guard.swallow(error, "sending to the server")
                await asyncio.sleep(_REST_AFTER_ERROR_SECONDS)
