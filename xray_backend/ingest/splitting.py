"""Cutting the body of `POST /ingest` into the texts of its events, so that one at fault does not cost the others."""

import itertools
import json
import re
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from xray_backend.errors import BadRequest, TooLarge
from xray_backend.ingest.strict_json import NotJson, TooDeep, flaw_in, lenient, strict, top_level_keys
from xray_backend.ingest.unacceptable import Unacceptable, Unreadable

__all__ = ["split"]


_T = TypeVar("_T")


class _Envelope(msgspec.Struct):
    events: list[msgspec.Raw]


_decode_envelope: Final = msgspec.json.Decoder(_Envelope).decode

_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
"""A string, closed or not (so that none is ever looked through twice), or a mark."""

_MOST_TOKENS: Final = 500_000
"""As many as an honest body of 5 MiB has; a body of brackets alone is not looked through for seconds."""

_EVENTS_KEY: Final = re.compile(rb'(?<!\\)"events"\s*:\s*\Z')
_LONGEST_KEY_BYTES: Final = 64
"""The key with its colon, and more white space than anyone writes around it."""


def split(body: bytes, max_events: int) -> Sequence[bytes | Unacceptable]:
    """Return each event's text, or why it has none that could be parsed.

    Whoever sends what the fast parser refuses gets a slower one, that can say which event is at fault.

    Raises `BadRequest` if the body has no events, `TooLarge` if it has too many.
    """
    try:
        texts = [bytes(raw) for raw in _counted(_decode_envelope(body).events, max_events)]
        others = body.count(b":") - sum(text.count(b":") for text in texts)
        is_repeated = others > 1 and top_level_keys(body).count("events") > 1
    except msgspec.ValidationError:
        raise BadRequest(_NO_EVENTS) from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        return _split_slowly(body, max_events)
    if is_repeated:
        raise BadRequest("The request body has the key `events` twice.")
    return texts


_NO_EVENTS: Final = "The request body must be an object with a list `events`."


def _split_slowly(body: bytes, max_events: int) -> Sequence[bytes | Unacceptable]:
    try:
        return [_encoded(event) for event in _counted(_parsed_leniently(body), max_events)]
    except TooDeep:
        return _counted(_split_by_brackets(body), max_events)
    except NotJson as error:
        raise BadRequest(f"The request body {error}.") from None


def _counted(events: list[_T], max_events: int) -> list[_T]:
    if not events:
        raise BadRequest("`events` is empty; send at least one event.")
    if len(events) > max_events:
        raise TooLarge(f"The request has {len(events)} events; the limit is {max_events}.")
    return events


def _parsed_leniently(body: bytes) -> list[object]:
    """Parse a body that is JSON but for a NaN, or for half a surrogate pair."""
    document = lenient(body)
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise BadRequest(_NO_EVENTS)
    return events


def _encoded(event: object) -> bytes | Unacceptable:
    flaw = flaw_in(event)
    return json.dumps(event).encode() if flaw is None else Unreadable(f"The event {flaw}.")


def _split_by_brackets(body: bytes) -> list[bytes]:
    """Split a body that is nested too deeply for the parsers, by looking at its marks alone."""
    depth, start, cuts = 0, 0, list[int]()
    for token in itertools.islice(_TOKEN.finditer(body), _MOST_TOKENS):
        mark = token[0]
        if mark in b"[{":
            depth += 1
            if depth == 2 and _EVENTS_KEY.search(body[max(0, token.start() - _LONGEST_KEY_BYTES) : token.start()]):
                start, cuts = token.end(), []
        elif depth == 2 and start and mark in b",]":
            cuts.append(token.start())
        if mark in b"]}":
            depth -= 1
            if depth == 1 and cuts:
                break
    if not cuts:
        raise BadRequest(_NO_EVENTS)
    _check_rest(body[:start] + body[cuts[-1] :])
    begins = [start, *(cut + 1 for cut in cuts)]
    return [body[begin:end] for begin, end in zip(begins, cuts, strict=False)]


def _check_rest(envelope: bytes) -> None:
    """Refuse a body that is not valid without its events either."""
    try:
        if not isinstance(strict(envelope), dict):
            raise BadRequest(_NO_EVENTS)
    except NotJson as error:
        raise BadRequest(f"The request body {error}.") from None
