"""The body of `POST /ingest`: each event is taken or refused by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from xray_backend.errors import BadRequest, TooLarge
from xray_backend.ingest.big_integers import signs_in
from xray_backend.ingest.checks import Checks
from xray_backend.ingest.decoded_batch import decoded_batch
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.shapes import Event
from xray_backend.ingest.splitting import split
from xray_backend.ingest.strict_json import NotJson, strict
from xray_backend.ingest.taken import Rejection, Taken
from xray_backend.ingest.unacceptable import TooLong, Unacceptable, Unreadable, explain

__all__ = ["NoneValid", "Parsed", "parse_again", "parse_ingest"]


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


def parse_ingest(body: bytes, limits: Limits, project_id: str) -> Parsed:
    """Parse and check a decompressed body. At least one event is taken when this returns.

    Raises `TooLarge` if there are too many bytes or events, `BadRequest` if the body is not of that shape,
    `NoneValid` if none of its events is valid.
    """
    if len(body) > limits.max_body_bytes:
        raise TooLarge(f"The request has {len(body)} bytes; the limit is {limits.max_body_bytes}.")
    checks = Checks(project_id, limits)
    parsed = Parsed([], [])
    decoded: Sequence[tuple[bytes, Event] | Unacceptable] = decoded_batch(body, limits) or [
        _decoded(text, limits) for text in split(body, limits.max_events)
    ]
    for place, item in enumerate(decoded):
        try:
            parsed.taken.append(_checked(place, item, checks))
        except Unacceptable as error:
            parsed.rejected.append(Rejection(place, str(error), error.kind))
    if not parsed.taken:
        raise NoneValid(parsed.rejected)
    return parsed


def parse_again(text: bytes, checks: Checks) -> Event:
    """Parse and check the text of an event that was `Taken` before; gives the same event.

    Raises `Unacceptable` if it is not valid, so that a text of anybody else does no harm.
    """
    try:
        event: Event = _decode_event(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unreadable("The event is not as it was taken.") from None
    _check(text, event, checks)
    return event


def _checked(place: int, item: tuple[bytes, Event] | Unacceptable, checks: Checks) -> Taken:
    if isinstance(item, Unacceptable):
        raise item
    text, event = item
    _check(text, event, checks)
    return Taken(place, text, event)


def _check(text: bytes, event: Event, checks: Checks) -> None:
    containers, big_integers = signs_in(text)
    checks.event(event, deep=containers > checks.limits.max_depth, big_integers=big_integers)


def _decoded(text: bytes | Unacceptable, limits: Limits) -> tuple[bytes, Event] | Unacceptable:
    """Decode an event by itself, or tell why it cannot be taken."""
    if isinstance(text, Unacceptable):
        return text
    if len(text) > limits.max_event_bytes:
        return TooLong(f"The event has {len(text)} bytes; the limit is {limits.max_event_bytes}.")
    try:
        strict(text)
        return text, _decode_event(text)
    except NotJson as error:
        return Unreadable(f"The event {error}.")
    except msgspec.ValidationError as error:
        return Unacceptable(explain(error, "The event"))
