"""A link between two parts that a test can slow, cut, reset or take away; and one port in front of several servers."""

import asyncio
import contextlib
import enum
import itertools
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any

from tests.servers.process import HOST, free_port

__all__ = ["Link", "Proxy"]

PIECE_BYTES = 64 * 1024  # what is passed on at a time
DELAY_SECONDS = 0.2  # of each piece on its way: as from another continent
SLOW_BYTES_PER_SECOND = 200_000  # a batch of a hundred steps takes a second, a part of a value some tens of them
CALL_SECONDS = 10.0  # what the proxy's own thread is asked for takes milliseconds
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: a close that says so with a reset


class Link(enum.Enum):
    """What becomes of what is sent."""

    PASSES = "passes"
    DELAYS = "delays"
    """Each piece comes late."""
    SLOWS = "slows"
    """Few bytes come a second."""
    CUTS = "cuts"
    """Nothing comes, and nobody is told; what was on its way arrives once the link passes again."""
    RESETS = "resets"
    """Connections are reset, and each new one as soon as it is there."""
    REFUSES = "refuses"
    """Connections are reset, and nobody listens."""


class Proxy:
    """Passes TCP on to one of the target ports, each connection to the next one; `with` starts and ends it.

    A target that nobody listens on is left out, as by a load balancer.
    """

    def __init__(self, *targets: int) -> None:
        self.port = free_port()
        self.targets = targets
        """May be changed; what is open stays where it is."""
        self._turns = itertools.count()
        self._link = Link.PASSES
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *exception: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()

    @property
    def address(self) -> str:
        """Where it listens, as `host:port`."""
        return f"{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """Where it listens, for HTTP."""
        return f"http://{self.address}"

    def become(self, link: Link) -> None:
        """Treat all connections like this from now on."""
        self._run(self._become(link))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_SECONDS)

    async def _become(self, link: Link) -> None:
        self._link = link
        self._changed.set()
        self._changed = asyncio.Event()
        if link in (Link.RESETS, Link.REFUSES):
            for writer in list(self._open):
                _reset(writer)
        if link is Link.REFUSES:
            await self._close()
        else:
            await self._listen()

    async def _listen(self) -> None:
        if self._listening is None:
            self._listening = await asyncio.start_server(self._accept, HOST, self.port)

    async def _close(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()

    async def _end(self) -> None:
        await self._close()
        for writer in list(self._open):
            _reset(writer)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task of our own, which the end can cancel and wait for."""
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = None if self._link is Link.RESETS else await self._connected()
        if found is None:
            _reset(writer)
            return
        there, back = found
        self._open |= {writer, back}
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        except OSError:
            _reset(writer)
            _reset(back)
        finally:
            self._open -= {writer, back}
            writer.close()
            back.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        targets, first = self.targets, next(self._turns)
        for number in range(len(targets)):
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(HOST, targets[(first + number) % len(targets)])
        return None

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE_BYTES):
            await self._travel(len(piece))
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def _travel(self, size_bytes: int) -> None:
        """Take the time that the link takes."""
        while self._link is Link.CUTS:
            await self._changed.wait()
        if self._link is Link.DELAYS:
            await asyncio.sleep(DELAY_SECONDS)
        elif self._link is Link.SLOWS:
            await asyncio.sleep(size_bytes / SLOW_BYTES_PER_SECOND)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it is closed already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    writer.transport.abort()
