"""PutLine: PUTs to presigned URLs, a few at a time, whosever they are."""

import asyncio
from collections.abc import Callable

from xray_trace.export.answer import Answer, Decision, Outcome
from xray_trace.export.blob import Blob
from xray_trace.export.circuit import Circuit
from xray_trace.export.transport import Transport

__all__ = ["PutLine"]

_PARALLEL = 4  # enough to fill a line, few enough for a small server


class PutLine:
    """Sends stretches of blobs, straight from the disk."""

    def __init__(self, transport: Transport, store: Circuit) -> None:
        self._transport = transport
        self._store = store
        self._places = asyncio.Semaphore(_PARALLEL)

    async def put(
        self, blob: Blob, start: int, length: int, url: str, content_type: str, classify: Callable[[Answer], Decision]
    ) -> Outcome:
        """Send a stretch of the blob's bytes, once there is a place for it and the circuit lets it go."""

        async def attempt() -> Outcome:
            with blob.slice(start, length) as content:
                answer = await self._transport.put(url, content, content_type)
            return Outcome(classify(answer), answer)

        async with self._places:
            return await self._store.attempt(attempt)
