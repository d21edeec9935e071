"""Multipart: a blob's missing parts, side by side, and the word that makes them one."""

import asyncio
from collections import deque

import msgspec

from xray_trace.export.answer import Decision, Outcome, classify_complete, classify_part
from xray_trace.export.blob import Blob
from xray_trace.export.circuit import Circuit
from xray_trace.export.place import Part, PartedUpload
from xray_trace.export.presign_desk import Post
from xray_trace.export.put_line import PutLine

__all__ = ["Multipart"]

_WORKERS = 4  # as many as the line takes at a time; it is shared with all other blobs


class Multipart:
    """One attempt at an upload in parts; a part that arrived stays, whatever becomes of the others."""

    def __init__(self, blob: Blob, upload: PartedUpload, line: PutLine, post: Post, server: Circuit) -> None:
        self._blob = blob
        self._upload = upload
        self._line = line
        self._post = post
        self._server = server
        self._etags = {part.part_number: part.etag for part in upload.parts if part.etag}
        self._missing = deque(part for part in upload.parts if not part.etag)
        self._failure: Outcome | None = None

    async def send(self) -> Outcome:
        """Send the parts that are missing, then complete the upload."""
        workers = [asyncio.ensure_future(self._work()) for _ in range(min(_WORKERS, len(self._missing)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
        return self._failure or await self._server.attempt(self._complete)

    async def _work(self) -> None:
        """Send one missing part after another, as long as none has failed."""
        while self._missing and self._failure is None:
            part = self._missing.popleft()
            outcome = await self._put(part)
            if outcome.decision is Decision.DONE:
                self._etags[part.part_number] = outcome.answer.etag
            else:
                self._failure = outcome

    async def _put(self, part: Part) -> Outcome:
        start = (part.part_number - 1) * self._upload.part_size_bytes
        length = min(self._upload.part_size_bytes, self._blob.header.size_bytes - start)
        return await self._line.put(self._blob, start, length, part.presigned_url, "", classify_part)

    async def _complete(self) -> Outcome:
        content = {
            "dataId": self._blob.header.data_id,
            "uploadId": self._upload.upload_id,
            "parts": [{"partNumber": number, "etag": etag} for number, etag in sorted(self._etags.items())],
        }
        answer = await self._post("/api/v1/presign/complete", msgspec.json.encode(content))
        return Outcome(classify_complete(answer), answer)
