"""An event as a message: its JSON is the value, and what the API adds to it stands in the headers."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from confluent_kafka import Message

__all__ = [
    "VERSION",
    "BadMessage",
    "Headers",
    "NewerVersion",
    "headers_of",
    "key_of",
    "number_in",
    "read_message",
    "text_headers",
]

_Header: TypeAlias = tuple[str, str | bytes | None]
Headers: TypeAlias = list[_Header]

_NUMBER: Final = re.compile(r"[0-9]{1,15}")

_REQUESTS: Final = 8
"""All messages of a request have the same headers, and those of few requests come at a time."""

VERSION: Final = 1
"""Of the form described here. A reader takes every older one, and stops at a newer."""


class BadMessage(ValueError):
    """A message that is no event, whoever sent it; the message is a clear sentence."""


class NewerVersion(Exception):
    """A message of a version that this program does not know: it must be brought up to date, and must not guess."""


def key_of(project_id: str, trace_id: str) -> bytes:
    """Return the key: what belongs to one trace goes to one partition, and stays in order."""
    return f"{project_id}/{trace_id}".encode()


def headers_of(project_id: str, request_id: str, received_ms: int) -> Headers:
    """Return the headers, which are the same for all events of a request."""
    return [
        ("version", str(VERSION).encode()),
        ("project", project_id.encode()),
        ("request", request_id.encode()),
        ("received", str(received_ms).encode()),
    ]


def read_message(message: Message) -> tuple[str, bytes]:
    """Return the project and the event's JSON. Raises `NewerVersion`, or `BadMessage` if it is none of ours."""
    version, project_id = _version_and_project(_headers(message))
    if version > VERSION:
        raise NewerVersion(
            f"The message at {message.topic()} {message.partition()}/{message.offset()} has version {version}; "
            f"this program knows {VERSION}. Install the newer one here, too."
        )
    text = message.value()
    if project_id is None or not isinstance(text, bytes):
        raise BadMessage("The message has no value, or no header `project` or `received`.")
    return project_id, text


def number_in(headers: Mapping[str, str], name: str) -> int | None:
    """Return the number that a header is, none if it is missing or no number that we write."""
    text = headers.get(name, "")
    return int(text) if _NUMBER.fullmatch(text) else None


def text_headers(message: Message) -> Mapping[str, str]:
    """Return the headers as text; of a name that comes twice the last."""
    return _texts(_headers(message))


def _headers(message: Message) -> Sequence[_Header]:
    headers = message.headers() or ()
    return tuple(headers.items() if isinstance(headers, dict) else headers)


@lru_cache(_REQUESTS)
def _version_and_project(headers: Sequence[_Header]) -> tuple[int, str | None]:
    """Return what the headers say; the project is None if it, or the time, is missing. Raises `BadMessage`."""
    texts = _texts(headers)
    version = number_in(texts, "version")
    if version is None:
        raise BadMessage("The message has no header `version`.")
    is_ours = number_in(texts, "received") is not None
    return version, (texts.get("project") or None) if is_ours else None


def _texts(headers: Sequence[_Header]) -> Mapping[str, str]:
    return {
        name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""
        for name, value in dict(headers).items()
    }
