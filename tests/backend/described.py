"""Every answer of a server is held to its own OpenAPI document."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

import requests

from tests.backend.server import Server

OWN_HEADERS = {"ETag", "Content-Range", "X-Schema-Complete", "Retry-After"}  # beside those that every answer has


class Document:
    """What the document says of each operation."""

    def __init__(self, paths: dict[str, Any]) -> None:
        # That with the most letters of its own first: `/presign/batch` is no data id.
        longest = sorted(paths, key=lambda path: len(re.sub(r"\{\w+\}", "", path)), reverse=True)
        self._operations = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), paths[path]) for path in longest
        ]

    def hold(self, answered: requests.Response) -> None:
        """Fail where the status, or a header of its own, is none that is told of."""
        method, path = str(answered.request.method), urlsplit(str(answered.request.url)).path
        operation = self._operation(method, path)
        if operation is None:
            return
        told = operation["responses"]
        said = f"{method} {path} answered {answered.status_code} {dict(answered.headers)}"
        assert str(answered.status_code) in told, f"{said}, the document has {set(told)}"
        headers = told[str(answered.status_code)].get("headers", {})
        assert OWN_HEADERS & set(answered.headers) <= set(headers), f"{said}, the document has {set(headers)}"

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        if {".", ".."} & set(unquote(path).split("/")) or "%2f" in path.lower():
            return None  # it is another address by the time it has arrived
        for pattern, operations in self._operations:
            if pattern.fullmatch(path) and method.lower() in operations:
                found: dict[str, Any] = operations[method.lower()]
                return found
        return None


@contextmanager
def held_to_its_document(server: Server) -> Iterator[None]:
    """Hold every answer that this process gets from the server, whoever asks."""
    document = Document(server.call("GET", "/openapi.json").json()["paths"])
    send = requests.Session.send

    def held(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        answered = send(session, request, **options)
        if str(request.url).startswith(server.base_url):
            document.hold(answered)
        return answered

    with patch.object(requests.Session, "send", held):
        yield
