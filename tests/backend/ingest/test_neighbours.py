"""An event is taken, or refused for the same reason, whatever other events its request has."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from xray_backend.ingest.limits import Limits
from xray_backend.ingest.wire import NoneValid, Parsed, parse_ingest

LIMITS = Limits(max_event_bytes=2000)
STEP = {"type": "step", "stepId": "s", "traceId": "t", "stepName": "n", "stepNumber": 1, "timestamp": 1.5}


def written(**fields: object) -> str:
    return json.dumps(STEP | fields)


TEXTS = [
    written(),
    written(metadata={"a": 1, "b": 1.0, "c": -0.0, "d": [None, {"": "x:y"}], "$e.f": 2**63}),
    written(metadata={"big": 2**64, "bigger": -(10**30)}),
    written(metadata={"colon": "@"}).replace("@", r"\u003a"),
    written(timestamp="2026-01-01T00:00:00+0530"),
    written(unknown={"type": "x"}, artifacts=[{"dataId": "d", "type": None, "more": 1}]),
    written(output=None, parentStepId=None),
    json.dumps(STEP, indent=4),
    written(metadata={"long": "x" * 1800}) + " " * 90,
    written(metadata={"long": "x" * 1900}),
    written(metadata={"deep": [[[[[[[[]]]]]]]]}),
    written(metadata={"deep": json.loads("[" * 60 + "]" * 60)}),
    written(stepId="no good"),
    written(stepNumber="1"),
    written(timestamp=-1),
    written()[:-1] + ',"metadata":{"a":1,"a":2}}',
    written()[:-1] + ',"metadata":{"a":1e999}}',
    json.dumps({"type": "data", "dataId": "d", "traceId": "t", "key": "k", "content": "x", "sha256": "0" * 64}),
    json.dumps(
        {"type": "data", "dataId": "d", "traceId": "t", "key": "k", "content": "eA==", "contentEncoding": "base64"}
    ),
    json.dumps({"type": "trace-start", "traceId": "t", "createdAt": 5, "name": "\u00e9"}),
    "{}",
    "7",
]


def parsed(texts: list[str]) -> Parsed:
    try:
        return parse_ingest(f'{{"events":[{",".join(texts)}]}}'.encode(), LIMITS, "p")
    except NoneValid as error:
        return Parsed([], error.rejected)


def outcomes(texts: list[str]) -> dict[int, object]:
    found = parsed(texts)
    taken: dict[int, object] = {one.place: one.event for one in found.taken}
    return taken | {rejection.index: (rejection.kind, rejection.error) for rejection in found.rejected}


@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_what_becomes_of_an_event_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    assert outcomes(texts) == {place: outcomes([text])[0] for place, text in enumerate(texts)}


@given(st.sampled_from(TEXTS))
@settings(max_examples=100, deadline=None)
def test_what_is_taken_can_be_checked_again_and_is_the_same_event(text: str) -> None:
    for one in parsed([text]).taken:
        assert parse_ingest(b'{"events":[' + one.text + b"]}", LIMITS, "p").events == [one.event]
