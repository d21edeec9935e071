"""What `POST /ingest` takes, and how it says no: each event by itself, with a sentence."""

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xray_backend.errors import BadRequest, TooLarge
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.shapes import Data, Step, StepError, TraceError, TraceFailure, TraceStart, TraceSuccess
from xray_backend.ingest.times import to_ms
from xray_backend.ingest.wire import Parsed, parse_ingest

LIMITS = Limits()
STEP = {"type": "step", "stepId": "s", "traceId": "t", "stepName": "rank", "stepNumber": 1, "timestamp": 1}
DATA = {"type": "data", "dataId": "d", "traceId": "t", "key": "k"}


def parse(body: bytes, limits: Limits = LIMITS) -> Parsed:
    return parse_ingest(body, limits, "project")


def body_of(*events: object) -> bytes:
    """Encode as a client would that knows nothing of NaN and of lone surrogates."""
    return json.dumps({"events": events}).encode()


def taken(event: dict[str, Any]) -> Any:
    parsed = parse(body_of(event))
    assert not parsed.rejected
    return parsed.events[0]


def refusal(*events: object) -> str:
    """Send a good event and bad ones; return what is said of the one that is bad."""
    parsed = parse(body_of(STEP, *events, STEP))
    assert len(parsed.events) == 2
    (rejected,) = parsed.rejected
    assert rejected.index == 1
    return rejected.error


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def test_each_type_of_event_is_taken_with_its_required_fields_alone() -> None:
    events: list[dict[str, Any]] = [
        {"type": "trace-start", "traceId": "t", "createdAt": 1},
        {"type": "trace-success", "traceId": "t", "endedAt": 2},
        {"type": "trace-failure", "traceId": "t", "endedAt": 2},
        STEP,
        {"type": "step-error", "stepId": "s", "traceId": "t", "timestamp": 1},
        {"type": "trace-error", "stepId": "s", "traceId": "t", "timestamp": 1, "stepName": None, "stepNumber": None},
        DATA,
    ]
    parsed = parse(body_of(*events))
    kinds = [TraceStart, TraceSuccess, TraceFailure, Step, StepError, TraceError, Data]
    assert [type(event) for event in parsed.events] == kinds
    assert parsed.rejected == []


def test_unknown_fields_and_nulls_for_optional_ones_are_left_out() -> None:
    step = taken(
        {**STEP, "projectId": "foreign", "new": {"x": 1}, "metadata": None, "artifacts": None, "pending": None}
    )
    assert (step.metadata, step.artifacts, step.pending) == (None, None, None)
    assert not hasattr(step, "projectId")


@pytest.mark.parametrize(
    ("time", "milliseconds"),
    [
        (0, 0.0),
        (1234567890, 1234567890.0),
        (1700000000000.25, 1700000000000.25),
        (-0.0, 0.0),
        ("2026-01-11T16:54:53.243Z", 1768150493243.0),
        ("2026-01-11T18:54:53.243+02:00", 1768150493243.0),
        ("9999-12-31T23:59:59.999Z", 253402300799999.0),
    ],
)
def test_a_time_is_a_number_of_milliseconds_or_an_iso_string_with_offset(time: object, milliseconds: float) -> None:
    assert to_ms(taken({**STEP, "timestamp": time}).timestamp) == milliseconds


@pytest.mark.parametrize(
    "time",
    [
        -1,
        253402300800000,
        1e300,
        10**400,
        True,
        None,
        "",
        "yesterday",
        "2026-01-11T16:54:53",
        "1969-12-31T23:59:59Z",
        [1],
    ],
)
def test_any_other_time_is_refused(time: object) -> None:
    assert "`timestamp`" in refusal({**STEP, "timestamp": time})


@pytest.mark.parametrize("field", ["stepId", "traceId", "parentStepId"])
@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "a\\b", "-a", "a" * 201, "a b", "a\n", "é", "a\u0000", 3])
def test_an_id_that_could_not_be_a_path_is_refused(field: str, bad: object) -> None:
    assert f"`{field}` must be" in refusal({**STEP, field: bad})


def test_an_id_may_have_200_characters_of_every_kind_allowed() -> None:
    longest = "9" + "aZ_.:-0" * 28 + "abc"
    assert len(longest) == 200
    assert taken({**STEP, "stepId": longest}).step_id == longest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "unknown"}, "`type` must not be 'unknown'"),
        ({"type": None}, "`type` must be a string"),
        ({"stepId": None}, "`stepId` must be a string, not null"),
        ({"stepName": None}, "`stepName` must be a string, not null"),
        ({"stepName": "x" * 501}, "`stepName` has 501 characters; the limit is 500"),
        ({"stepNumber": -1}, "`stepNumber` must be between 0 and"),
        ({"stepNumber": 2**53 + 1}, "`stepNumber` must be between 0 and"),
        ({"stepNumber": 1.5}, "`stepNumber` must be an integer"),
        ({"stepNumber": True}, "`stepNumber` must be an integer"),
        ({"stepNumber": "1"}, "`stepNumber` must be an integer, not a string"),
        ({"durationMs": -0.5}, "`durationMs` must be between 0 and"),
        ({"stepNumber": 10**400}, "must be between 0 and"),
        ({"timestamp": 10**400}, "out of range"),
        ({"pending": 1}, "`pending` must be true or false"),
        ({"metadata": []}, "`metadata` must be an object"),
        ({"metadata": "x"}, "`metadata` must be an object"),
        ({"inputs": {"a": 1}}, "`inputs[...]` must be an object"),
        ({"output": []}, "`output` must be an object"),
        ({"artifacts": {}}, "`artifacts` must be a list"),
        ({"artifacts": [3]}, "`artifacts[0]` must be an object"),
        ({"artifacts": [{"type": "input"}]}, "The field `artifacts[0].dataId` is missing"),
        ({"artifacts": [{"dataId": "d"}, {"dataId": "../d"}]}, "`artifacts[1].dataId` must be"),
        ({"artifacts": [{"dataId": "d", "type": "both"}]}, "`artifacts[0].type` must not be 'both'"),
        ({"artifacts": [{"dataId": "d", "key": "x" * 501}]}, "`artifacts[0].key` has 501 characters"),
        ({"metadata": nested(51)}, "`metadata` is nested deeper than 50 levels"),
        ({"output": nested(51)}, "`output` is nested deeper than 50 levels"),
        ({"metadata": nested(900)}, "`metadata` is nested deeper than 50 levels"),
        ({"metadata": {"x": "y" * 262144}}, "bytes; the limit is 262144"),
        ({"metadata": {"x": float("nan")}}, "holds NaN, which is not JSON"),
        ({"metadata": {"x": [float("-inf")]}}, "holds -Infinity, which is not JSON"),
        ({"metadata": {"x": "\ud800"}}, "half of a surrogate pair"),
        ({"metadata": {"\udc00": 1}}, "half of a surrogate pair"),
    ],
)
def test_a_wrong_field_is_refused_with_its_name_and_the_others_are_taken(change: dict[str, Any], said: str) -> None:
    assert said in refusal({**STEP, **change})


@pytest.mark.parametrize("missing", ["type", "stepId", "traceId", "stepName", "stepNumber", "timestamp"])
def test_a_missing_field_is_named(missing: str) -> None:
    assert f"The field `{missing}` is missing." == refusal({k: v for k, v in STEP.items() if k != missing})


@pytest.mark.parametrize("event", [None, 3, "step", [], [STEP]])
def test_an_event_that_is_no_object_is_refused(event: object) -> None:
    assert "The event must be an object" in refusal(event)


def refusal_of_text(text: str) -> str:
    good = json.dumps(STEP)
    parsed = parse(f'{{"events":[{good},{text},{good}]}}'.encode())
    assert len(parsed.events) == 2
    return parsed.rejected[0].error


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"step","stepId":"a","stepId":"b","traceId":"t","stepName":"n","stepNumber":1,"timestamp":1}',
        json.dumps(STEP)[:-1] + ',"metadata":{"x":[{"y":1,"y":1}]}}',
        json.dumps(STEP)[:-1] + ',"new":{"y":1,"y":2}}',
        json.dumps(STEP)[:-1] + ',"new":{"y\\u003a\\u003a":1,"x":1e20,"x":1}}',
        json.dumps(STEP)[:-1] + ',"new":{"y":1,"\\u0079":2}}',
        json.dumps(STEP)[:-1] + ',"metadata":{"y\\u003a":1,"x":1,"x":1}}',
        json.dumps(STEP | {"timestamp": "2026-01-01T00:00:00+0530"})[:-1] + ',"metadata":{"x":1,"x":1}}',
        json.dumps(STEP)[:-1] + ',"output":null,"metadata":{"x":1,"x":1}}',
    ],
)
def test_a_key_that_comes_twice_is_refused(text: str) -> None:
    assert "twice in one object" in refusal_of_text(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(alphabet='a:"\\\\', max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
TIMES = st.sampled_from([1, 1.5, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+0530", "2026-01-01T00:00:00.5-08:00"])


@given(st.lists(st.tuples(st.text(max_size=3), JSON), min_size=1, max_size=4), TIMES, st.booleans(), st.data())
@settings(max_examples=300, deadline=None)
def test_metadata_with_a_key_twice_never_passes_and_with_none_twice_always_does(
    pairs: list[tuple[str, object]], timestamp: object, escaped: bool, data: st.DataObject
) -> None:
    keys = [key for key, _ in pairs]
    if is_twice := data.draw(st.booleans()):
        pairs = [*pairs, (data.draw(st.sampled_from(keys)), data.draw(JSON))]
    members = ",".join(f"{json.dumps(k, ensure_ascii=escaped)}:{json.dumps(v, ensure_ascii=escaped)}" for k, v in pairs)
    text = json.dumps(STEP | {"timestamp": timestamp})[:-1] + f',"metadata":{{{members}}}}}'
    if is_twice or len(set(keys)) < len(keys):
        assert "twice in one object" in refusal_of_text(text)
    else:
        (step,) = parse(f'{{"events":[{text}]}}'.encode()).events
        assert isinstance(step, Step)
        assert step.metadata == dict(pairs)


@pytest.mark.parametrize("number", ["1" * 5000, "1e999", "-1e400"])
def test_a_number_that_no_machine_holds_costs_that_event_alone(number: str) -> None:
    text = json.dumps(STEP)[:-1] + f',"metadata":{{"x":{number}}}}}'
    assert "holds a number that is out of range" in refusal_of_text(text)


@pytest.mark.parametrize("key", ["a:b", "\\u003a", "::", 'a\\"b:'])
def test_a_colon_in_a_key_or_a_text_is_no_key_that_comes_twice(key: str) -> None:
    event = json.dumps(STEP)[:-1] + f',"metadata":{{"{key}":"{key}","x":"{key}"}}}}'
    (step,) = parse(f'{{"events":[{event}]}}'.encode()).events
    assert isinstance(step, Step)
    assert step.metadata == json.loads(f'{{"{key}":"{key}","x":"{key}"}}')


def test_an_event_too_deep_for_any_parser_costs_that_event_alone() -> None:
    for deep in ("[" * 5000 + "]" * 5000, '{"a":' * 5000 + "1" + "}" * 5000):
        text = json.dumps(STEP)[:-1] + f',"metadata":{{"],[{{\\"":{deep}}}}}'
        # How deep the parsers go differs between Python's versions; which of them gives up first does not matter.
        assert refusal_of_text(text) in {
            "The event is nested too deeply.",
            "`metadata` is nested deeper than 50 levels.",
        }
        both = json.dumps(STEP)[:-1] + ',"metadata":{"x":NaN}},' + text
        good = json.dumps(STEP)
        parsed = parse(f'{{"events":[{good},{both},{good}],"more":[1,2]}}'.encode())
        assert [rejected.index for rejected in parsed.rejected] == [1, 2]


def test_an_event_of_any_depth_costs_that_event_alone() -> None:
    for depth in range(500, 1000):
        deep = json.dumps(STEP)[:-1] + ',"metadata":' + '{"a":' * depth + "1" + "}" * depth + "}"
        body = '{"sdk":{"a":1,"b":2},"events":[' + deep + "," + json.dumps(STEP) + "]}"
        assert [found.index for found in parse(body.encode()).rejected] == [0]


@pytest.mark.parametrize("odd_value", [b'"\xff"', b'"\\ud800"', b"NaN", b"9" * 5000])
def test_an_odd_value_costs_its_event_alone_also_where_other_fields_stand_beside_the_events(odd_value: bytes) -> None:
    good = json.dumps(STEP).encode()
    odd = good[:-1] + b',"metadata":{"a":' + odd_value + b"}}"
    parsed = parse(b'{"sdk":{"a":1,"b":2},"events":[' + odd + b"," + good + b"]}")
    assert [found.index for found in parsed.rejected] == [0]


def test_metadata_may_be_50_levels_deep_and_comes_as_it_was_sent() -> None:
    assert taken({**STEP, "metadata": nested(50)}).metadata == nested(50)
    odd = {"": 1, "a.b": None, "$c": [True, 0.1, "é\u0000", {}, []], "z": -(2**63), "a": 2**63 - 1}
    found = taken({**STEP, "metadata": odd}).metadata
    assert json.dumps(found) == json.dumps(odd)


def test_integers_beyond_64_bits_are_kept_as_strings_wherever_they_stand() -> None:
    big = {"a": 2**63, "b": [-(2**63) - 1, {"c": 10**40}], "d": 1}
    kept = {"a": str(2**63), "b": [str(-(2**63) - 1), {"c": str(10**40)}], "d": 1}
    step = taken({**STEP, "metadata": big, "inputs": {"x": big}, "output": big})
    assert (step.metadata, step.inputs, step.output) == (kept, {"x": kept}, kept)
    end = taken({"type": "trace-failure", "traceId": "t", "endedAt": 1, "failureMetadata": big})
    assert end.failure_metadata == kept


def test_inline_content_tells_its_size_and_hash() -> None:
    for event, content in (
        ({**DATA, "content": "né"}, "né".encode()),
        ({**DATA, "content": "AP8=", "contentEncoding": "base64"}, b"\x00\xff"),
        ({**DATA, "content": ""}, b""),
        ({**DATA, "content": base64.b64encode(b"x" * 16384).decode(), "contentEncoding": "base64"}, b"x" * 16384),
    ):
        found = taken(event)
        assert (found.size_bytes, found.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    upper = hashlib.sha256(b"a").hexdigest().upper()
    assert taken({**DATA, "content": "a", "sha256": upper, "sizeBytes": 1}).sha256 == upper.lower()
    assert taken(DATA).size_bytes is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"content": "x" * 16385}, "`content` has 16385 bytes; the limit is 16384"),
        ({"content": "é" * 8193}, "`content` has 16386 bytes"),
        ({"content": "a", "contentEncoding": "base64"}, "not valid base64"),
        ({"content": "a b=", "contentEncoding": "base64"}, "not valid base64"),
        ({"content": "é===", "contentEncoding": "base64"}, "not valid base64"),
        ({"content": "a", "contentEncoding": "gzip"}, "`contentEncoding` must not be 'gzip'"),
        ({"content": "ab", "sizeBytes": 1}, "`sizeBytes` is 1, but `content` has 2 bytes"),
        ({"content": "ab", "sha256": "0" * 64}, "`sha256` is not that of `content`"),
        ({"sha256": "0" * 63}, "`sha256` must be 64 hexadecimal digits"),
        ({"sizeBytes": -1}, "`sizeBytes` must be between 0 and"),
        ({"contentType": "text/html\r\nX: y"}, "`contentType` must be"),
        ({"contentType": ""}, "`contentType` must be"),
        ({"contentType": "a" * 256}, "`contentType` must be"),
        ({"key": "k" * 501}, "`key` has 501 characters"),
        ({"key": None}, "`key` must be a string"),
        ({"dataPath": "other/d"}, "`dataPath` must be missing, or"),
        ({"dataPath": "project/../d"}, "`dataPath` must be missing, or"),
        ({"dataPath": ""}, "`dataPath` must be missing, or"),
        ({"dataId": "../d"}, "`dataId` must be"),
    ],
)
def test_a_wrong_data_event_is_refused_with_the_reason(change: dict[str, Any], said: str) -> None:
    assert said in refusal({**DATA, **change})


def test_the_projects_own_data_path_is_taken() -> None:
    assert taken({**DATA, "dataPath": "project/d"}).data_id == "d"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"events":null}',
        b'{"events":{}}',
        b'{"events":3}',
        b'{"events":[]}',
        b'{"events":[' + json.dumps(STEP).encode() + b",]}",
        b'{"events":[' + json.dumps(STEP).encode() + b"]",
        b'{"events":[' + json.dumps(STEP).encode() + b"]}}",
        b'{"events":[' + json.dumps(STEP).encode() + b'],"events":[]}',
        b'{"events":[],"events":[' + json.dumps(STEP).encode() + b"]}",
        b"\xff\xfe{}",
        b'\xef\xbb\xbf{"events":[]}',
        b'{"events":' + b"[" * 100_000,
        b'{"deep":' + b"[" * 100_000 + b"]" * 100_000 + b',"events":[' + json.dumps(STEP).encode() + b"]}",
    ],
)
def test_a_body_of_another_shape_is_refused_whole(body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(body)
    assert caught.value.message.endswith(".")


def test_where_no_event_is_valid_all_the_reasons_are_told() -> None:
    with pytest.raises(BadRequest) as caught:
        parse(body_of({**STEP, "stepId": ".."}, 3))
    assert isinstance(caught.value.details, dict)
    assert [found["index"] for found in caught.value.details["rejected"]] == [0, 1]


def test_too_many_events_or_bytes_are_refused_whole() -> None:
    assert len(parse(body_of(*[STEP] * 1000)).events) == 1000
    with pytest.raises(TooLarge, match="1001 events; the limit is 1000"):
        parse(body_of(*[STEP] * 1001))
    with pytest.raises(TooLarge, match="limit is 5242880"):
        parse(body_of(STEP).ljust(5 * 1024 * 1024 + 1))
    assert len(parse(body_of(STEP).ljust(5 * 1024 * 1024)).events) == 1


def test_other_fields_of_the_body_are_left_out() -> None:
    assert len(parse(b'{"sdk":{"a":1,"b":2},"events":[' + json.dumps(STEP).encode() + b'],"x":[1]}').events) == 1
