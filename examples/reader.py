"""Reads a project back over the REST API, with nothing but the standard library."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

__all__ = ["ReadFailed", "Reader"]

TIMEOUT_SECONDS = 30.0  # the server is on this machine; longer means that it hangs

Document = dict[str, Any]


class ReadFailed(Exception):
    """The server did not answer as it should; the message is its own sentence where it gave one."""


class Reader:
    """A member of a project, logged in."""

    def __init__(self, base_url: str, project_id: str, email: str, password: str) -> None:
        self._api = f"{base_url}/api/v1"
        self._project = f"/projects/{project_id}"
        self._headers = {"Content-Type": "application/json"}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine needs no proxy
        token = self._call("POST", "/auth/login", {"email": email, "password": password})["token"]
        self._headers["Authorization"] = f"Bearer {token}"

    def steps_where(self, condition: Mapping[str, object]) -> list[Document]:
        """Return the steps that a filter finds, newest first."""
        return self._all_results("/query", condition)

    def traces_where(self, condition: Mapping[str, object]) -> list[Document]:
        """Return the traces that a filter finds, newest first."""
        return self._all_results("/traces/query", condition)

    def trace(self, trace_id: str) -> Document:
        """Return one trace with its steps and the records of its data."""
        return self._call("GET", f"{self._project}/traces/{urllib.parse.quote(trace_id)}")

    def value(self, trace_id: str, data_id: str) -> object:
        """Return a captured value: ask for its link, open it, and decode it if it is JSON."""
        path = f"{self._project}/traces/{urllib.parse.quote(trace_id)}/data/{urllib.parse.quote(data_id)}"
        found = self._call("GET", path)
        body = self._open(urllib.request.Request(found["presignedUrl"]))  # signed by itself: no credentials go there
        return json.loads(body) if found["contentType"] == "application/json" else body

    def schema(self) -> Document:
        """Return the shape of all metadata that the project's steps have carried so far."""
        found: Document = self._call("GET", f"{self._project}/schemas")["schema"]
        return found

    def _all_results(self, path: str, condition: Mapping[str, object]) -> list[Document]:
        results: list[Document] = []
        question: Document = {"filter": condition}
        while True:
            page = self._call("POST", self._project + path, question)
            results += page["results"]
            if page["nextCursor"] is None:
                return results
            question["cursor"] = page["nextCursor"]

    def _call(self, method: str, path: str, body: object = None) -> Document:
        data = None if body is None else json.dumps(body).encode()
        answer = self._open(urllib.request.Request(self._api + path, data, self._headers, method=method))
        found: Document = json.loads(answer)
        return found

    def _open(self, request: urllib.request.Request) -> bytes:
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            with error:
                raise ReadFailed(f"{request.method or 'GET'} {request.selector}: {_sentence(error)}") from None
        except OSError as error:
            raise ReadFailed(f"The server does not answer: {error}.") from None


def _sentence(error: urllib.error.HTTPError) -> str:
    try:
        return f"{error.code}, {json.loads(error.read())['error']}"
    except (ValueError, KeyError, TypeError):
        return f"{error.code}, without a reason."
