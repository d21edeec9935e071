"""Clients that take their time: hundreds of connections that send and read as slowly as they can."""

import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tests.backend.server import Server

TICK_SECONDS = 0.5
PATIENCE_SECONDS = 90
NEEDED_FILES = 4096


def connect(server: Server, *, receive_bytes: int | None = None) -> socket.socket:
    """Open a connection; a small receive buffer makes the server wait for a reader that does not read."""
    parts = urlsplit(server.base_url)
    client = socket.socket()
    if receive_bytes is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.settimeout(60)
    client.connect((parts.hostname, parts.port))
    return client


class Dawdlers:
    """Connections that are kept open; those with a `drip` send it again and again, a tick apart."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._clients: list[tuple[socket.socket, bytes]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._dawdle)
        self._thread.start()

    def add(self, count: int, sent: bytes, drip: bytes, *, receive_bytes: int | None = None) -> None:
        for _ in range(count):
            client = connect(self._server, receive_bytes=receive_bytes)
            self._clients.append((client, drip))
            with suppress(OSError):  # the server may close at once, or take nothing: that is its right
                client.settimeout(5)
                client.sendall(sent)

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Go on dawdling until it is so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert time.monotonic() < deadline
            self._over.wait(TICK_SECONDS)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for client, _ in self._clients:
            client.close()

    def _dawdle(self) -> None:
        while not self._over.wait(TICK_SECONDS):
            for client, drip in list(self._clients):
                with suppress(OSError):  # the server gave up on it
                    client.send(drip, socket.MSG_DONTWAIT)


@contextmanager
def dawdlers(server: Server) -> Iterator[Dawdlers]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(NEEDED_FILES, hard)), hard))
    made = Dawdlers(server)
    try:
        yield made
    finally:
        made.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def together(count: int, work: Callable[[int], None]) -> None:
    """Do something in several threads at once, and raise what went wrong in any of them."""
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
