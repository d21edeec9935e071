"""The sink: one server that says yes to every tool, counts what it is given, and can be slow.

    python -m recording.sink PORT

Runs until its standard input ends, so that it never outlives the benchmark. Prints its port when it is ready.
"""

import asyncio
import hashlib
import os
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec
from aiohttp import web

from recording.counts import Counts, Orders

PART_BYTES = 8 * 1024 * 1024
MULTIPART_BYTES = 5 * 1024 * 1024  # what the wire contract sends in parts
SPAN_NAME = b"measured_call"  # what `programs/work.py` calls its functions, and OTLP therefore its spans


class Event(msgspec.Struct, rename="camel"):
    """What is looked at of an event of ours."""

    type: str
    step_id: str | None = None
    pending: bool = False
    inputs: msgspec.Raw = msgspec.Raw(b"")


class Batch(msgspec.Struct):
    """A request of ours."""

    events: list[Event]


class Presign(msgspec.Struct, rename="camel"):
    """What is looked at of a request for a place."""

    data_id: str
    size_bytes: int = 0
    upload_id: str = ""


class Presigns(msgspec.Struct):
    """A request for several places."""

    items: list[Presign]


_batches = msgspec.json.Decoder(Batch)


class Sink:
    """Answers every tool's requests with success."""

    def __init__(self) -> None:
        self.port = 0
        self._orders = Orders()
        self._counts = Counts()
        self._steps: set[int] = set()
        self._parts: dict[str, dict[int, str]] = {}

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.path.startswith("/-/"):
            return await self._control(request)
        self._counts.requests += 1
        if self._orders.delay_seconds:
            await asyncio.sleep(self._orders.delay_seconds)
        if request.method == "PUT" and request.path.startswith("/blobs/"):
            return await self._put(request)
        try:
            return self._reply(request.path, await request.content.read())
        except ConnectionResetError:  # a program that ends does not wait for what it is sending
            return web.Response()

    async def _control(self, request: web.BaseRequest) -> web.Response:
        if request.method == "GET":
            self._counts.steps = len(self._steps)
            return _json(self._counts)
        self._orders = msgspec.json.decode(await request.content.read(), type=Orders)
        self._counts = Counts()
        self._steps = set()
        return _json({})

    def _reply(self, path: str, body: bytes) -> web.Response:
        if path == "/api/v1/ingest":
            self._count(body)
            return _json({"success": True})
        if path == "/api/v1/presign":
            return _json(self._place(msgspec.json.decode(body, type=Presign)))
        if path == "/api/v1/presign/batch":
            items = msgspec.json.decode(body, type=Presigns).items
            return _json({"items": [self._place(item) for item in items]})
        self._counts.spans += body.count(SPAN_NAME)
        if path.endswith("/v1/traces"):
            return web.Response(content_type="application/x-protobuf")
        if path == "/info":  # ddtrace asks what its agent can do
            return _json({"endpoints": ["/v0.4/traces"], "client_drop_p0s": False})
        return _json({"success": True, "successes": [], "errors": [], "rate_by_service": {}})

    def _count(self, body: bytes) -> None:
        for event in _batches.decode(body).events:
            if event.type in ("step", "step-error") and not event.pending:
                self._steps.add(hash(event.step_id))
                self._counts.late += b'"late":true' in bytes(event.inputs)

    def _place(self, wanted: Presign) -> dict[str, object]:
        """Return where the bytes go: in one piece, and where they are many, in parts too."""
        url = f"http://127.0.0.1:{self.port}/blobs/{wanted.data_id}"
        place: dict[str, object] = {"dataPath": f"project/{wanted.data_id}", "presignedUrl": url}
        if wanted.size_bytes > MULTIPART_BYTES:
            count = -(-wanted.size_bytes // PART_BYTES)
            parts = [self._part(wanted.data_id, url, number) for number in range(1, count + 1)]
            place["upload"] = {"uploadId": wanted.data_id, "partSizeBytes": PART_BYTES, "parts": parts}
        return place

    def _part(self, data_id: str, url: str, number: int) -> dict[str, object]:
        etag = self._parts.get(data_id, {}).get(number)
        if etag is not None:
            return {"partNumber": number, "etag": etag}
        return {"partNumber": number, "presignedUrl": f"{url}?part={number}"}

    async def _put(self, request: web.BaseRequest) -> web.Response:
        """Take a blob or a part of one, chunk by chunk, and write it down where somebody wants to look at it."""
        data_id = request.path.rpartition("/")[2]
        part = int(request.query.get("part", 0))
        digest = hashlib.md5(usedforsecurity=False)  # what S3 calls the ETag
        file = self._opened(data_id)
        file.seek(max(0, part - 1) * PART_BYTES)
        with file:
            async for chunk in request.content.iter_any():
                file.write(chunk)
                digest.update(chunk if part else b"")
                self._counts.blob_bytes += len(chunk)
        etag = f'"{digest.hexdigest()}"'
        if part:
            self._parts.setdefault(data_id, {})[part] = etag
        self._counts.blobs += 1
        return web.Response(headers={"ETag": etag})

    def _opened(self, data_id: str) -> BinaryIO:
        """Return where the bytes go: a file that parts are written into side by side, or nowhere."""
        if not self._orders.keep_in:
            return open(os.devnull, "wb")
        path = Path(self._orders.keep_in, data_id)
        path.touch()
        return path.open("r+b")


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


async def main(port: int) -> None:
    """Serve until the standard input ends."""
    sink = Sink()
    server = web.Server(sink.answer)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", port)
    sink.port = listening.sockets[0].getsockname()[1]
    print(sink.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    listening.close()
    await server.shutdown(0)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
