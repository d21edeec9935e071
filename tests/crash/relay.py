"""Stands between a program and the server, passes everything on, and tells which parts of a value arrived."""

import contextlib
import http.client
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PASSED_ON = ("x-api-key", "content-type", "content-length", "content-encoding", "x-xray-stats")


class Relay:
    def __init__(self, server_port: int) -> None:
        self.announced: list[dict] = []
        self.arrived: list[int] = []
        """The numbers of the parts that the server took, in order."""
        self.before_part: Callable[[], object] = lambda: None
        """Runs before a part is passed on, in that request's thread."""
        self._server_port = server_port
        self._parts: dict[str, int] = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def _pass_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        part = self._parts.get(path)
        if part is not None:
            self.before_part()
        connection = http.client.HTTPConnection("127.0.0.1", self._server_port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if part is not None and answer.status == 200:
            self.arrived.append(part)
        if path == "/api/v1/presign":
            self._remember(json.loads(body), json.loads(content))
        return answer.status, answer.headers.get("ETag", ""), content

    def _remember(self, asked: dict, answered: dict) -> None:
        self.announced.append(asked)
        for part in answered.get("upload", {}).get("parts", []):
            if "presignedUrl" in part:
                self._parts[part["presignedUrl"].removeprefix(self.url)] = part["partNumber"]

    def _handler(relay):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    raise ConnectionError("the program is gone")
                headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
                try:
                    answer = relay._pass_on(self.command, self.path, headers, body)
                except (OSError, http.client.HTTPException):
                    answer = 502, "", b"the server is gone"
                self._answer(*answer)

            do_PUT = do_POST

            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):
                    super().handle()

            def _answer(self, status: int, etag: str, content: bytes) -> None:
                self.send_response(status)
                if etag:
                    self.send_header("ETag", etag)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
