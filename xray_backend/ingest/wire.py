"""The body of `POST /ingest`: each event is taken or refused by itself."""

import json
from dataclasses import dataclass
from typing import Final

import msgspec

from xray_backend.errors import BadRequest, TooLarge
from xray_backend.ingest.big_integers import may_hold_big_integers
from xray_backend.ingest.checks import Checks
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.shapes import Event
from xray_backend.ingest.strict_json import NotJson, flaw_in, lenient, strict, top_level_keys
from xray_backend.ingest.unacceptable import Unacceptable, explain

__all__ = ["Parsed", "Rejection", "parse_ingest"]


@dataclass(frozen=True)
class Rejection:
    """An event that is not taken: its place in the request, and why."""

    index: int
    error: str


@dataclass(frozen=True)
class Parsed:
    """The events that are taken, in their order, and those that are not."""

    events: list[Event]
    rejected: list[Rejection]


class _Envelope(msgspec.Struct):
    events: list[msgspec.Raw]


_decode_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_decode_event: Final = msgspec.json.Decoder(Event).decode


def parse_ingest(body: bytes, limits: Limits, project_id: str) -> Parsed:
    """Parse and check a decompressed body. At least one event is taken when this returns.

    Raises `TooLarge` if there are too many bytes or events, `BadRequest` if the body is not of that shape or none
    of its events is valid.
    """
    if len(body) > limits.max_body_bytes:
        raise TooLarge(f"The request has {len(body)} bytes; the limit is {limits.max_body_bytes}.")
    texts = _split(body)
    if not texts:
        raise BadRequest("`events` is empty; send at least one event.")
    if len(texts) > limits.max_events:
        raise TooLarge(f"The request has {len(texts)} events; the limit is {limits.max_events}.")
    checks = Checks(project_id, limits)
    parsed = Parsed([], [])
    for index, text in enumerate(texts):
        try:
            parsed.events.append(_event(text, checks))
        except Unacceptable as error:
            parsed.rejected.append(Rejection(index, str(error)))
    if not parsed.events:
        listed = [{"index": rejection.index, "error": rejection.error} for rejection in parsed.rejected]
        raise BadRequest("None of the events is valid.", details={"rejected": listed})
    return parsed


def _event(text: bytes | Unacceptable, checks: Checks) -> Event:
    if isinstance(text, Unacceptable):
        raise text
    limits = checks.limits
    if len(text) > limits.max_event_bytes:
        raise Unacceptable(f"The event has {len(text)} bytes; the limit is {limits.max_event_bytes}.")
    try:
        strict(text)
        event: Event = _decode_event(text)
    except NotJson as error:
        raise Unacceptable(f"The event {error}.") from None
    except msgspec.ValidationError as error:
        raise Unacceptable(explain(error, "The event")) from None
    deep = text.count(b"{") + text.count(b"[") > limits.max_depth
    checks.event(event, deep=deep, big_integers=may_hold_big_integers(text))
    return event


def _split(body: bytes) -> list[bytes | Unacceptable]:
    """Cut the body into the texts of its events."""
    try:
        texts = [bytes(raw) for raw in _decode_envelope(body).events]
    except msgspec.ValidationError:
        raise BadRequest("The request body must be an object with a list `events`.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _split_leniently(body)
    others = body.count(b":") - sum(text.count(b":") for text in texts)
    if others > 1 and top_level_keys(body).count("events") > 1:
        raise BadRequest("The request body has the key `events` twice.")
    return list(texts)


def _split_leniently(body: bytes) -> list[bytes | Unacceptable]:
    """Find the events that are at fault (NaN, half a surrogate pair), so that the others are taken all the same."""
    try:
        document = lenient(body)
    except NotJson as error:
        raise BadRequest(f"The request body {error}.") from None
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise BadRequest("The request body must be an object with a list `events`.")
    return [_encoded(event) for event in events]


def _encoded(event: object) -> bytes | Unacceptable:
    flaw = flaw_in(event)
    return json.dumps(event).encode() if flaw is None else Unacceptable(f"The event {flaw}.")
