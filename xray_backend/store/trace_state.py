"""A trace's state: one pure function of what is stored and the events that came.

`merge` gives the same result for every order, split and repetition of a trace's events, so every store may
call it with whatever part of them it has at hand. It holds because each field keeps the greatest of all that
was offered to it (or the earliest, for `createdAt`), under an order in which no two different offers are equal.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from xray_backend.clock import iso
from xray_backend.store.records import TraceEvent

__all__ = ["Offer", "TraceState", "document", "dump_state", "ended_at_ms", "load_state", "merge", "seen_at", "status"]

_RANK: Final[Mapping[str, int]] = {"step": 0, "trace-start": 1, "trace-success": 2, "trace-failure": 3}
"""Events of the same time go by their type, the later in this list winning."""

_STATUS: Final[Mapping[int, str]] = {2: "success", 3: "failure"}


class Offer(msgspec.Struct, array_like=True, frozen=True):
    """A value that an event gave for one key, with what decides between it and others."""

    time: float
    rank: int
    position: int
    """Where the key stood in its event; answers keep the order in which keys were sent."""
    value: msgspec.Raw
    """The value as JSON, exactly as it is given back."""


class TraceState(msgspec.Struct, frozen=True):
    """All that must be remembered of the events that came."""

    created_at_ms: int | None = None
    ended: tuple[float, int] | None = None
    """The latest end event: its `endedAt` and the rank of its type."""
    name: Offer | None = None
    metadata: dict[str, Offer] = {}
    success: dict[str, Offer] = {}
    failure: dict[str, Offer] = {}


_decoder = msgspec.json.Decoder(TraceState)
_encode = msgspec.json.Encoder().encode


def merge(stored: TraceState | None, events: Iterable[TraceEvent]) -> TraceState:
    """Return the state after these events; commutative, associative and idempotent."""
    state = stored or TraceState()
    for event in events:
        state = _merge_one(state, event)
    return state


def seen_at(trace_id: str, time_ms: float) -> TraceEvent:
    """Return what a step tells of its trace: that it was there at this time."""
    return TraceEvent(trace_id, "step", None, None, time_ms, None, {}, {})


def status(state: TraceState) -> str:
    """Return `pending` until an end event came, then what the latest one says."""
    return "pending" if state.ended is None else _STATUS[state.ended[1]]


def ended_at_ms(state: TraceState) -> int | None:
    """Return when the trace ended, in whole milliseconds."""
    return None if state.ended is None else math.floor(state.ended[0])


def document(state: TraceState) -> dict[str, object]:
    """Return the answer's fields that the events decide; `name` and `endedAt` are left out until they are known."""
    fields: dict[str, object] = {} if state.name is None else {"name": state.name.value}
    fields["metadata"] = _values(state.metadata)
    fields["status"] = status(state)
    fields["successMetadata"] = _values(state.success)
    fields["failureMetadata"] = _values(state.failure)
    fields["createdAt"] = iso(state.created_at_ms or 0)
    if state.ended is not None:
        fields["endedAt"] = iso(state.ended[0])
    return fields


def dump_state(state: TraceState) -> bytes:
    """Encode the state for the store; equal states have equal encodings."""
    ordered = {name: dict(sorted(getattr(state, name).items())) for name in ("metadata", "success", "failure")}
    return _encode(msgspec.structs.replace(state, **ordered))


def load_state(encoded: bytes) -> TraceState:
    """Decode what `dump_state` wrote."""
    return _decoder.decode(encoded)


def _merge_one(state: TraceState, event: TraceEvent) -> TraceState:
    created = _earliest(state.created_at_ms, event)
    if event.kind == "step":
        return msgspec.structs.replace(state, created_at_ms=created)
    time, rank = _when(event), _RANK[event.kind]
    ended = state.ended
    if event.kind != "trace-start":
        end = (_first(event.ended_at_ms, event.timestamp_ms, event.created_at_ms), rank)
        ended = end if ended is None else max(ended, end)
    name = state.name
    if event.name is not None:
        name = _greater(name, Offer(time, rank, 0, msgspec.Raw(_encode(event.name))))
    return TraceState(
        created_at_ms=created,
        ended=ended,
        name=name,
        metadata=_offer_all(state.metadata, event.metadata, time, rank),
        success=_offer_all(state.success, event.end_metadata, time, rank) if rank == 2 else state.success,
        failure=_offer_all(state.failure, event.end_metadata, time, rank) if rank == 3 else state.failure,
    )


def _earliest(known: int | None, event: TraceEvent) -> int | None:
    times = [math.floor(t) for t in (event.created_at_ms, event.ended_at_ms, event.timestamp_ms) if t is not None]
    if known is not None:
        times.append(known)
    return min(times, default=None)


def _when(event: TraceEvent) -> float:
    return _first(event.timestamp_ms, event.ended_at_ms, event.created_at_ms)


def _first(*times: float | None) -> float:
    return next((float(time) for time in times if time is not None), 0.0)


def _offer_all(known: dict[str, Offer], given: Mapping[str, object], time: float, rank: int) -> dict[str, Offer]:
    if not given:
        return known
    merged = dict(known)
    for position, (key, value) in enumerate(given.items()):
        merged[key] = _greater(merged.get(key), Offer(time, rank, position, msgspec.Raw(_encode(value))))
    return merged


def _greater(known: Offer | None, offer: Offer) -> Offer:
    """Return the later of two offers; of the same time and type, the one with the greater canonical JSON."""
    if known is None:
        return offer
    here, there = (known.time, known.rank), (offer.time, offer.rank)
    if here != there:
        return known if here > there else offer
    return known if _tie_break(known) >= _tie_break(offer) else offer


def _tie_break(offer: Offer) -> tuple[bytes, bytes, int]:
    """Order offers totally: what has the same canonical JSON may still differ in its order of keys."""
    text = bytes(offer.value)
    return msgspec.json.encode(msgspec.json.decode(text), order="sorted"), text, -offer.position


def _values(offers: Mapping[str, Offer]) -> dict[str, msgspec.Raw]:
    if not offers:
        return {}
    in_order = sorted(offers.items(), key=lambda item: (item[1].time, item[1].rank, item[1].position, item[0]))
    return {key: offer.value for key, offer in in_order}
