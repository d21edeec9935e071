"""The body of `POST /ingest`: each event is taken or refused by itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from xray_backend.errors import BadRequest, TooLarge
from xray_backend.ingest.big_integers import may_hold_big_integers
from xray_backend.ingest.checks import Checks
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.shapes import Event
from xray_backend.ingest.splitting import split
from xray_backend.ingest.strict_json import NotJson, is_whole, strict
from xray_backend.ingest.taken import Rejection, Taken
from xray_backend.ingest.unacceptable import TooLong, Unacceptable, Unreadable, explain

__all__ = ["NoneValid", "Parsed", "checked_event", "parse_ingest"]


@dataclass(frozen=True)
class Parsed:
    """The events that are taken, in their order, and those that are not."""

    taken: list[Taken]
    rejected: list[Rejection]

    @property
    def events(self) -> list[Event]:
        """Those that are taken."""
        return [one.event for one in self.taken]


class NoneValid(BadRequest):
    """The request has events, and none of them is taken."""

    def __init__(self, rejected: list[Rejection]) -> None:
        listed = [{"index": rejection.index, "error": rejection.error} for rejection in rejected]
        super().__init__("None of the events is valid.", details={"rejected": listed})
        self.rejected = rejected


_decode_event: Final = msgspec.json.Decoder(Event).decode
_TIMES: Final = ("timestamp", "created_at", "ended_at")


def parse_ingest(body: bytes, limits: Limits, project_id: str) -> Parsed:
    """Parse and check a decompressed body. At least one event is taken when this returns.

    Raises `TooLarge` if there are too many bytes or events, `BadRequest` if the body is not of that shape,
    `NoneValid` if none of its events is valid.
    """
    if len(body) > limits.max_body_bytes:
        raise TooLarge(f"The request has {len(body)} bytes; the limit is {limits.max_body_bytes}.")
    checks = Checks(project_id, limits)
    parsed = Parsed([], [])
    for place, text in enumerate(split(body, limits.max_events)):
        try:
            parsed.taken.append(_taken(place, text, checks))
        except Unacceptable as error:
            parsed.rejected.append(Rejection(place, str(error), error.kind))
    if not parsed.taken:
        raise NoneValid(parsed.rejected)
    return parsed


def checked_event(text: bytes, limits: Limits, project_id: str) -> Event:
    """Parse and check one event by itself. Raises `Unacceptable` if it is not valid."""
    return _taken(0, text, Checks(project_id, limits)).event


def _taken(place: int, text: bytes | Unacceptable, checks: Checks) -> Taken:
    if isinstance(text, Unacceptable):
        raise text
    limits = checks.limits
    if len(text) > limits.max_event_bytes:
        raise TooLong(f"The event has {len(text)} bytes; the limit is {limits.max_event_bytes}.")
    event = _decoded(text)
    deep = text.count(b"{") + text.count(b"[") > limits.max_depth
    checks.event(event, deep=deep, big_integers=may_hold_big_integers(text))
    return Taken(place, text, event)


def _decoded(text: bytes) -> Event:
    """Decode once where that tells enough: what becomes of the text has all that is in it, but for the times."""
    try:
        event: Event = _decode_event(text)
        if _has_written_times(event) or not is_whole(event, text):
            strict(text)
    except NotJson as error:
        raise Unreadable(f"The event {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _flaw_of(text, error) from None
    return event


def _has_written_times(event: Event) -> bool:
    return any(isinstance(getattr(event, field, None), datetime) for field in _TIMES)


def _flaw_of(text: bytes, error: Exception) -> Unacceptable:
    """Return what is wrong with a text that is no event: that it is not JSON, if it is not."""
    try:
        strict(text)
    except NotJson as worse:
        return Unreadable(f"The event {worse}.")
    if not isinstance(error, msgspec.ValidationError):
        raise error  # so it is no fault of the text
    return Unacceptable(explain(error, "The event"))
