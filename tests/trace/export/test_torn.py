"""A short write with another's record behind it costs the one that is torn and no other, and is counted."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trace.export.bench import part, step
from xray_trace.events import encode_record
from xray_trace.export.batch import batch_body, validated_events
from xray_trace.export.expander import Expander
from xray_trace.export.frames import to_frame, unframe

NAMES = ("one", "two", "three", "four")
RECORDS = [step(name, part(b'{"type":"step","traceId":"t"}'), part(name.encode(), "again")) for name in NAMES]
FRAMES = [to_frame(encode_record(record)) for record in RECORDS]


EXPANDER = Expander("destination")
EVENTS = [event for record in RECORDS for event in EXPANDER.expand(record)]


@pytest.mark.parametrize("torn", range(len(FRAMES)))
def test_wherever_a_journals_record_breaks_off_the_others_are_read(torn: int) -> None:
    others = [record for place, record in enumerate(RECORDS) if place != torn]
    for length in range(len(FRAMES[torn])):
        journal = b"".join([*FRAMES[:torn], FRAMES[torn][:length], *FRAMES[torn + 1 :]]) + bytes(100)
        found = list(unframe(journal, damaged=True))
        assert [payload for payload in found if payload] == [encode_record(other) for other in others]
        assert found.count(None) == (length > 0)


@pytest.mark.parametrize("torn", range(len(EVENTS)))
def test_wherever_a_batchs_line_breaks_off_the_others_are_read(torn: int) -> None:
    body = batch_body(EVENTS)
    begin = body.index(EVENTS[torn])
    others = [event for place, event in enumerate(EVENTS) if place != torn]
    for length in range(len(EVENTS[torn])):
        rest = body[begin + len(EVENTS[torn]) :].removeprefix(b",\n")
        good, bad = validated_events(body[: begin + length] + rest)
        assert good == others, length
        assert bad == (length > 0)


@pytest.mark.parametrize("joint", [b"", b","])
def test_a_lost_line_break_between_two_whole_events_costs_neither(joint: bytes) -> None:
    body = batch_body(EVENTS).replace(b",\n", joint)
    assert validated_events(body) == (EVENTS, 0)


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "x"]), inner, max_size=2),
    max_leaves=8,
)


@given(st.lists(values, min_size=2, max_size=5), st.data())
def test_whatever_the_events_hold_the_one_that_breaks_off_is_the_only_loss(metadata, data) -> None:
    events = [
        msgspec.json.encode({"type": "step", "stepId": f"s{n}", "traceId": "t", "metadata": {"value": value}})
        for n, value in enumerate(metadata)
    ]
    torn = data.draw(st.integers(0, len(events) - 2))
    length = data.draw(st.integers(1, len(events[torn]) - 1))
    lines = [event + b",\n" for event in events]
    lines[torn] = events[torn][:length]
    good, bad = validated_events(b'{"events":[\n' + b"".join(lines).removesuffix(b",\n") + b"\n]}")
    assert (good, bad) == ([event for place, event in enumerate(events) if place != torn], 1)
