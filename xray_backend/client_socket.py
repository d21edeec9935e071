"""A connection to a client: whoever waits for it gives the turn to others meanwhile, and waits with measure."""

import errno
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

__all__ = ["PIECE_BYTES", "ClientSocket", "Stalled"]

T = TypeVar("T")

PIECE_BYTES: Final = 32 * 1024
"""What is taken from a client at once: a thousand slow ones then hold 32 MiB, and a megabyte still takes 32 turns."""

SLOWEST_BYTES_PER_SECOND: Final = 4096
"""Slower than the slowest mobile network; a part of 8 MiB at this pace just arrives before its URL expires."""


class Stalled(ConnectionResetError):
    """The client moves too little; for whoever serves it that is the same as a connection that broke."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the client stalled")


class ClientSocket(socket.socket):
    """Takes over an accepted connection.

    Where no time limit is set on the socket, reading and writing raise `Stalled` if nothing moves for `stall_seconds`,
    or if the waiting for this request is longer than that and what moved in it at the slowest pace.
    """

    def __init__(self, accepted: socket.socket, stall_seconds: float, turns: threading.Semaphore) -> None:
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        super().__init__(family, kind, protocol, fileno=accepted.detach())
        self._stall_seconds = stall_seconds
        self._turns = turns
        self._has_turn = False
        self._moved_bytes = 0
        self._waited_seconds = 0.0

    def begin_request(self) -> None:
        """Measure from here on."""
        self._moved_bytes = 0
        self._waited_seconds = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until it is this client's turn, and work for it; waiting for the client is nobody's turn."""
        with self._turns:
            self._has_turn = True
            try:
                yield
            finally:
                self._has_turn = False

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what has come, and wait for it if need be; at most a piece."""
        if self.gettimeout() is not None:
            return super().recv(size, flags)
        receive = super().recv
        found = self._when_ready(select.POLLIN, lambda: receive(min(size, PIECE_BYTES), flags | socket.MSG_DONTWAIT))
        self._moved_bytes += len(found)
        return found

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send everything, as fast as the client takes it."""
        if self.gettimeout() is not None:
            return super().sendall(data, flags)
        rest = memoryview(data)
        send = super().send
        while rest:
            sent = self._when_ready(select.POLLOUT, lambda: send(rest, flags | socket.MSG_DONTWAIT))  # noqa: B023 - called at once
            self._moved_bytes += sent
            rest = rest[sent:]
        return None

    def _when_ready(self, event: int, move: Callable[[], T]) -> T:
        while True:
            try:
                return move()
            except BlockingIOError:
                self._wait(event)

    def _wait(self, event: int) -> None:
        left_seconds = self._stall_seconds + self._moved_bytes / SLOWEST_BYTES_PER_SECOND - self._waited_seconds
        poll = select.poll()
        poll.register(self, event)
        began_seconds = time.monotonic()
        with self._without_turn():
            is_ready = poll.poll(max(0, min(left_seconds, self._stall_seconds)) * 1000)
        self._waited_seconds += time.monotonic() - began_seconds
        if not is_ready:
            raise Stalled

    @contextmanager
    def _without_turn(self) -> Iterator[None]:
        if not self._has_turn:
            yield
            return
        self._turns.release()
        try:
            yield
        finally:
            self._turns.acquire()
