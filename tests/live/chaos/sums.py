"""Whether the SDKs, the queue, the servers and the store count the same."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from tests.live.chaos.queue import Event

__all__ = ["Span", "wrong_sum_of_new", "wrong_sums", "wrong_sums_of_calm"]

ACCEPTED = "xray_ingest_accepted_events_total"
DEAD = "xray_consumer_dead_letters_total"
REFUSED = ("xray_ingest_rejected_total", "xray_sdk_dropped_items_total", DEAD)
CONSUMED = "xray_consumer_batch_events_sum"
MERGED = "xray_store_merged_events_total"
RETRIES = "xray_consumer_retries_total"


@dataclass(frozen=True)
class Span:
    """A time that began and ended at rest: all delivered, all consumed."""

    name: str
    delivered: int
    """What the SDKs count."""
    events: Sequence[Event]
    """What came into the queue, repetitions included."""
    counted: "Counter[str]"
    """What the servers count: all, or at least what was seen of it where some were killed."""


def wrong_sums(span: Span) -> Iterator[str]:
    """Tell what cannot be, whatever was killed: what is counted has happened, though not all is counted."""
    different = {_identity(event) for event in span.events}
    documents = sum(kind != "trace" for kind, _ in different)
    delivered, messages, counted = span.delivered, len(span.events), span.counted
    taken, new, refused = counted[ACCEPTED], counted["new"], sum(counted[name] for name in REFUSED)
    if delivered != len(different):
        yield f"{span.name}, SDKs count {delivered} events as delivered, and the queue has {len(different)} of them"
    if taken > messages:
        yield f"{span.name}, APIs count {taken} events as taken, and the queue has {messages}"
    if new > documents:
        yield f"{span.name}, consumers count {new} steps and values as new, and the queue has {documents}"
    if refused:
        yield f"{span.name}, {refused} events are counted as refused or lost"


def wrong_sums_of_calm(span: Span) -> Iterator[str]:
    """Tell what cannot be where nothing was killed, so that all is counted."""
    delivered, messages, counted = span.delivered, len(span.events), span.counted
    taken, consumed, repeated = counted[ACCEPTED], counted[CONSUMED], counted["repeated"]
    settled = sum(counted[name] for name in ("new", "repeated", "deleted", MERGED, DEAD))
    if delivered > taken:
        yield f"{span.name}, SDKs count {delivered} events as delivered, and APIs {taken} as taken"
    if consumed < messages:
        yield f"{span.name}, the queue has {messages} events, and consumers count {consumed}"
    if not counted[RETRIES] and settled != consumed:  # what is tried again may be stored by half already
        yield f"{span.name}, consumers count {consumed} events, and {settled} as stored or left out"
    if consumed == delivered and repeated:  # nothing was sent or read twice
        yield f"{span.name}, consumers count {repeated} steps and values as repeated, and nothing came twice"


def wrong_sum_of_new(span: Span, stored: int) -> Iterator[str]:
    """Tell if the database has more steps and values of that calm time than are counted as new."""
    if not span.counted[RETRIES] and stored > span.counted["new"]:
        yield f"{span.name}, the database got {stored} steps and values, and consumers count {span.counted['new']}"


def _identity(event: Event) -> tuple[str, object]:
    """Return what is the same for an event that was sent again, and for no other one."""
    one = {"data": "dataId", "step": "stepId"}.get(event["type"])
    return (event["type"], event[one]) if one else ("trace", msgspec.json.encode(event, order="sorted"))
