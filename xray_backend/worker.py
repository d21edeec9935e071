"""Gunicorn's worker with threads, which refuses what is no HTTP in the same shape as the API refuses the rest."""

import logging
import os
import socket
from typing import Any, Protocol

import msgspec
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import ThreadWorker

__all__ = ["RequestInput", "Worker"]

_LOG = logging.getLogger(__name__)
_REQUESTS = logging.getLogger("xray_backend.requests")


class Readable(Protocol):
    """The part of a WSGI input that is used."""

    def read(self, size: int) -> bytes:
        """Return some bytes, none at the end."""


class RequestInput:
    """A request's body; broken framing and a client that stalls are an `OSError` like any other way to break off."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._broke_off = False
        self.bytes_read = 0

    def read(self, size: int = -1) -> bytes:
        """Return some bytes, none at the end. Raises `OSError` if the body breaks off."""
        if self._broke_off:  # nobody waits for a stalled client twice
            raise OSError("the request body broke off")
        try:
            piece = self._source.read(size)
        except (ParseException, OSError) as error:
            self._broke_off = True
            raise OSError("the request body broke off") from error
        self.bytes_read += len(piece)
        return piece


class Worker(ThreadWorker):
    """Serves the application."""

    def init_process(self) -> None:
        """Serve until told to stop."""
        self.log.error_log.addFilter(_is_news)
        super().init_process()

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer a request that never reached the application, or whose answer broke off."""
        status, reason, sentence = _refusal(exc)
        request_id = os.urandom(8).hex()
        if status == 500:
            _LOG.error("request %s failed outside the application", request_id, exc_info=exc)
        peer = addr[0] if isinstance(addr, tuple) else ""
        fields = {"requestId": request_id, "route": "none", "status": status, "remoteAddress": peer}
        _REQUESTS.info("request", extra={"fields": fields})
        content = msgspec.json.encode({"error": sentence})
        head = (
            f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\nX-Request-Id: {request_id}\r\n\r\n"
        )
        try:
            client.sendall(head.encode("ascii") + content)
        except OSError as error:  # whoever sent this is gone
            _LOG.debug("request %s could not be answered: %s", request_id, error)


def _is_news(record: logging.LogRecord) -> bool:
    """Tell whether a line belongs in the log; that a client stalled does not."""
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))


def _refusal(error: BaseException) -> tuple[int, str, str]:
    if isinstance(error, LimitRequestLine):
        return 414, "URI Too Long", "The address of this request is too long."
    if isinstance(error, LimitRequestHeaders):
        return 431, "Request Header Fields Too Large", "The headers of this request are too large."
    if isinstance(error, ParseException):
        return 400, "Bad Request", "The request is not valid HTTP."
    return 500, "Internal Server Error", "An internal error happened."
