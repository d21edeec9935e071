"""Calls over one connection, and what came back."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import Any
from urllib.parse import urlsplit

import msgspec

__all__ = ["Answer", "Wire"]


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: HTTPMessage
    said: str
    """The call, for whoever reads a failure."""

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found


class Wire:
    """A client that sends what it is told, byte for byte."""

    def __init__(self, base_url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=60)

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        key: str | None = None,
        json: object = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if key:
            headers["x-api-key"] = key
        if json is not None:
            body = msgspec.json.encode(json)
            headers["Content-Type"] = "application/json"
        self._connection.request(method, path, body, headers)
        answered = self._connection.getresponse()
        said = f"{method} {path} token={token!r} key={key!r} body={(body or b'')[:2000]!r}"
        return Answer(answered.status, answered.read(), answered.headers, said)

    def close(self) -> None:
        self._connection.close()
