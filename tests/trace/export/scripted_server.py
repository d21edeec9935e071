"""A small server whose answers a test writes down beforehand; over real sockets."""

import contextlib
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import NamedTuple

from tests.trace.export.scripted_uploads import ScriptedUploads, answered


class Reply(NamedTuple):
    status: int = 200
    body: bytes = b'{"success":true}'
    headers: Mapping[str, str] = MappingProxyType({})
    before: Callable[[], object] = lambda: None  # runs before the answer, in the server's thread


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)


class ScriptedServer:
    """Answers as told, and remembers everything it was asked; without a script it takes all."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Request] = []
        self.accepted: list[dict] = []
        self.blobs: dict[str, Request] = {}
        self.ingest: deque[Reply] = deque()
        self.presign: deque[Reply] = deque()
        self.put: deque[Reply] = deque()
        self.complete: deque[Reply] = deque()
        self.always: Reply | None = None
        self.connections = 0
        self._ended_connections = 0
        self._http = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._http.daemon_threads = True
        self.uploads = ScriptedUploads(self.url)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return self._http.server_address[1]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def heal(self) -> None:
        """Take all from now on, but nothing that was on its way while it refused; its clients have ended by then."""
        known = self.connections
        socket.create_connection(("127.0.0.1", self.port)).close()  # it comes behind all that were made before
        deadline = time.monotonic() + 20
        while self.connections == known or self._ended_connections < self.connections:
            assert time.monotonic() < deadline, "a client keeps its connection"
        self.always = None

    def posts(self, path: str = "/api/v1/ingest") -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def _reply(self, request: Request) -> Reply:
        if self.always is not None:
            return self.always
        if request.path == "/api/v1/ingest":
            reply = self.ingest.popleft() if self.ingest else Reply()
            self._accept(request, reply)
            return reply
        if request.path.startswith("/api/v1/presign"):
            return self._presign(request)
        reply = self.put.popleft() if self.put else Reply(body=b"")
        return self._take(request, reply) if reply.status == 200 else reply

    def _presign(self, request: Request) -> Reply:
        if request.path == "/api/v1/presign/complete":
            return self.complete.popleft() if self.complete else Reply(*answered(self.uploads.complete(request.json())))
        if self.presign:
            return self.presign.popleft()
        if request.path == "/api/v1/presign/batch":
            return Reply(body=json.dumps({"items": [self.uploads.place(i) for i in request.json()["items"]]}).encode())
        return Reply(*answered(self.uploads.place(request.json())))

    def _take(self, request: Request, reply: Reply) -> Reply:
        if request.path.startswith("/parts/"):
            _, _, upload_id, number = request.path.split("/")
            status, name = self.uploads.put(upload_id, int(number), request.body)
            return reply._replace(status=status, headers={"ETag": name})
        self.blobs[request.path.rsplit("/", 1)[1]] = request
        return reply

    def _accept(self, request: Request, reply: Reply) -> None:
        try:
            answer = json.loads(reply.body)
        except ValueError:
            return
        if reply.status == 200 and isinstance(answer, dict) and answer.get("success") is True:
            refused = {entry["index"] for entry in answer.get("rejected", [])}
            events = request.json()["events"]
            self.accepted += [event for index, event in enumerate(events) if index not in refused]

    def _handler(server):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:
                    raise ConnectionError("the client went away in the middle")
                request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                server.requests.append(request)
                reply = server._reply(request)
                reply.before()
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            do_PUT = do_POST

            def handle(self) -> None:
                server.connections += 1
                try:
                    with contextlib.suppress(ConnectionError):
                        super().handle()
                finally:
                    server._ended_connections += 1

            def log_message(self, *_: object) -> None:
                pass

        return Handler
