"""A trace's state is the same for every order, split and repetition of its events."""

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from xray_backend.store.records import TraceEvent
from xray_backend.store.trace_state import TraceState, document, dump_state, load_state, merge, seen_at

LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -1.5]) | st.text(max_size=2)
TIMES = st.sampled_from([0.0, 1.0, 1.25, 1.5, 2.0])


def objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of the same few keys in every order, so that two often differ in the order alone."""
    return st.permutations(["a", "b", "", "é"]).flatmap(
        lambda keys: st.lists(values, max_size=3).map(lambda found: dict(zip(keys, found, strict=False)))
    )


VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | objects(inner), max_leaves=4)
METADATA = objects(VALUES)
STARTS = st.builds(
    TraceEvent,
    st.just("t"),
    st.just("trace-start"),
    TIMES,
    st.none(),
    st.none() | TIMES,
    st.none() | st.sampled_from(["x", "y"]),
    METADATA,
    st.just({}),
)
ENDS = st.builds(
    TraceEvent,
    st.just("t"),
    st.sampled_from(["trace-success", "trace-failure"]),
    st.none() | TIMES,
    TIMES,
    st.none() | TIMES,
    st.none(),
    METADATA,
    METADATA,
)
EVENTS = st.lists(STARTS | ENDS | TIMES.map(lambda at: seen_at("t", at)), min_size=1, max_size=7)


def stored(state: TraceState) -> bytes:
    """All that can be seen of a state: what is answered and what is kept."""
    return msgspec.json.encode(document(state)) + dump_state(state)


@given(EVENTS, st.data())
@settings(max_examples=400, deadline=None)
def test_every_order_split_and_repetition_gives_the_same_state(events: list[TraceEvent], data: st.DataObject) -> None:
    expected = stored(merge(None, events))
    repeated = events + data.draw(st.lists(st.sampled_from(events), max_size=4), label="repeated")
    order = data.draw(st.permutations(repeated), label="order")
    state: TraceState | None = None
    while order:
        size = data.draw(st.integers(1, len(order)), label="size")
        state = merge(state, order[:size])
        state = load_state(dump_state(state))
        order = order[size:]
    assert state is not None
    assert stored(state) == expected


@given(EVENTS)
@settings(max_examples=200, deadline=None)
def test_merging_again_changes_nothing(events: list[TraceEvent]) -> None:
    state = load_state(dump_state(merge(None, events)))
    assert merge(state, events) == state
    assert merge(state, []) == state


@given(EVENTS)
@settings(max_examples=200, deadline=None)
def test_the_beginning_is_the_earliest_time_and_the_status_that_of_the_latest_end(events: list[TraceEvent]) -> None:
    state = merge(None, events)
    times = [t for e in events for t in (e.created_at_ms, e.ended_at_ms, e.timestamp_ms) if t is not None]
    assert state.created_at_ms == int(min(times))
    ends = [(e.ended_at_ms, e.kind == "trace-failure") for e in events if e.ended_at_ms is not None]
    answer = document(state)
    if not ends:
        assert answer["status"] == "pending"
        assert "endedAt" not in answer
    else:
        assert answer["status"] == ("failure" if max(ends)[1] else "success")


def start(at: float, *, timestamp: float | None = None, name: str | None = None, **metadata: Any) -> TraceEvent:
    return TraceEvent("t", "trace-start", at, None, timestamp, name, metadata, {})


def end(kind: Any, at: float, *, timestamp: float | None = None, **end_metadata: Any) -> TraceEvent:
    return TraceEvent("t", kind, None, at, timestamp, None, {"by": kind}, end_metadata)


def answer_of(events: Sequence[TraceEvent]) -> dict[str, Any]:
    answer: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document(merge(None, events))))
    return answer


def test_metadata_merges_key_by_key_and_the_later_event_wins() -> None:
    answer = answer_of([start(5, a="late", b="late"), start(1, a="early", c="early")])
    assert answer["metadata"] == {"c": "early", "a": "late", "b": "late"}


def test_a_timestamp_decides_before_the_time_that_the_event_tells_of() -> None:
    assert answer_of([start(9, a="early", timestamp=1), start(1, a="late", timestamp=2)])["metadata"] == {"a": "late"}


def test_at_the_same_time_failure_outranks_success_and_success_start() -> None:
    events = [end("trace-failure", 3), end("trace-success", 3), start(3, by="trace-start")]
    answer = answer_of(events)
    assert answer["metadata"] == {"by": "trace-failure"}
    assert answer["status"] == "failure"
    assert answer_of(events[1:])["metadata"] == {"by": "trace-success"}


def test_what_success_and_failure_said_is_kept_apart() -> None:
    answer = answer_of([end("trace-failure", 3, a=1), end("trace-success", 5, b=2), end("trace-success", 4, b=1, c=1)])
    assert (answer["status"], answer["successMetadata"], answer["failureMetadata"]) == (
        "success",
        {"c": 1, "b": 2},
        {"a": 1},
    )


def test_the_latest_name_holds_and_an_event_without_one_takes_none_away() -> None:
    assert answer_of([start(1, name="first"), start(2, name="second"), start(3)])["name"] == "second"
    assert "name" not in answer_of([start(1)])


def test_values_come_back_as_they_were_sent() -> None:
    sent = {"z": 1.0, "a": {"y": [1, 2.5], "x": None}, "": "é", "big": 2**63 - 1}
    answer = document(merge(None, [start(1, **sent)]))["metadata"]
    assert msgspec.json.encode(answer) == msgspec.json.encode(sent)
