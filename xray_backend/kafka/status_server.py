"""What those who run a consumer ask it, over HTTP: is it alive, is it ready, what did it count."""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final

import msgspec

from xray_backend.errors import ConfigurationError, Unavailable

__all__ = ["StatusServer"]

_JSON: Final = "application/json"

_CLIENT_SECONDS: Final = 10.0
"""Whoever asks and then says nothing more is let go."""


class StatusServer:
    """Answers `/health`, `/ready` and `/metrics` in a thread of its own; `with` starts and ends it."""

    def __init__(
        self, host: str, port: int, checks: Mapping[str, Callable[[], None]], render: Callable[[], bytes]
    ) -> None:
        """A check returns if all is well at its path, and raises `Unavailable` if not; `render` gives the metrics.

        Raises `ConfigurationError` if the port cannot be had.
        """
        try:
            self._server = _Server((host, port), partial(_Handler, checks, render))
        except OSError as error:
            reason = error.strerror or "it cannot be used"
            raise ConfigurationError(f"The consumer cannot listen on {host} port {port}: {reason}.") from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="xray-status", daemon=True)

    @property
    def url(self) -> str:
        """Return where it listens."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> "StatusServer":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind without asking for the host's name, which takes a minute where nobody answers such questions."""
        TCPServer.server_bind(self)


class _Handler(BaseHTTPRequestHandler):
    timeout = _CLIENT_SECONDS

    def __init__(self, checks: Mapping[str, Callable[[], None]], render: Callable[[], bytes], *arguments: Any) -> None:
        self._checks = checks
        self._render = render
        super().__init__(*arguments)

    def do_GET(self) -> None:
        status, body, content_type = self._found()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Leave the log to what happens to events."""

    def _found(self) -> tuple[int, bytes, str]:
        if self.path == "/metrics":
            return 200, self._render(), "text/plain; version=0.0.4; charset=utf-8"
        if self.path in self._checks:
            return *_outcome(self._checks[self.path]), _JSON
        return 404, b'{"error":"There is nothing at this address."}', _JSON


def _outcome(check: Callable[[], None]) -> tuple[int, bytes]:
    try:
        check()
    except Unavailable as error:
        return 503, msgspec.json.encode({"error": error.message})
    return 200, b'{"status":"ok"}'
