import base64
import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from tests.trace.export.bench import part, step
from xray_trace.capture.capturer import Capturer
from xray_trace.events import Part, Record, StepEvent
from xray_trace.export.expander import Expander
from xray_trace.ids import derive_data_id

DESTINATION = "0" * 16


def expand(*records: Record) -> list[dict]:
    expander = Expander(DESTINATION)
    return [json.loads(event) for record in records for event in expander.expand(record)]


def test_a_step_without_values_has_the_fields_of_the_wire_contract_and_no_more():
    whole = StepEvent("step-error", "s1", 'a "name"', 3, 1.5, 0.25, "parent", b'{"n":1}', b'[{"dataId":"d"}]')
    assert expand(Record("trace", StepEvent("step", "s1", None, None, 1.5)), Record("trace", whole)) == [
        {
            "type": "step",
            "stepId": "s1",
            "traceId": "trace",
            "stepName": None,
            "stepNumber": None,
            "timestamp": 1500,
            "metadata": {},
        },
        {
            "type": "step-error",
            "stepId": "s1",
            "traceId": "trace",
            "stepName": 'a "name"',
            "stepNumber": 3,
            "timestamp": 1500,
            "metadata": {"n": 1},
            "parentStepId": "parent",
            "durationMs": 250,
            "artifacts": [{"dataId": "d"}],
        },
    ]


def test_an_event_that_is_json_already_stays_as_it_is():
    event = b'{"type":"trace-start"}'
    assert Expander(DESTINATION).expand(Record("trace", event)) == [event]


def test_a_value_becomes_a_data_event_before_its_step():
    body = b'{"a":1}'
    sha256 = hashlib.sha256(body).hexdigest()
    summary = b'{"type":"dict","length":1,"bytes":7}'
    value = Part("config", "input", "application/json", body, summary, b'{"note":1}')
    data, event = expand(step("s1", value))
    data_id = derive_data_id(DESTINATION, "trace", "application/json", sha256)
    assert data == {
        "type": "data",
        "dataId": data_id,
        "traceId": "trace",
        "key": "config",
        "metadata": {"note": 1},
        "content": '{"a":1}',
        "contentType": "application/json",
        "sizeBytes": 7,
        "sha256": sha256,
    }
    assert event["artifacts"] == [{"dataId": data_id, "type": "input", "key": "config"}]
    assert event["inputs"] == {"config": {"type": "dict", "length": 1, "bytes": 7}}
    assert "output" not in event
    assert event["stepId"] == "s1"


def test_the_same_content_twice_in_a_trace_is_sent_once_and_each_reference_keeps_its_key():
    first = step("s1", part(b"same", "made", "output"))
    second = step("s2", part(b"same", "used", "input"))
    data, one, two = expand(first, second)
    assert one["artifacts"] == [{"dataId": data["dataId"], "type": "output", "key": "made"}]
    assert two["artifacts"] == [{"dataId": data["dataId"], "type": "input", "key": "used"}]


def test_the_same_content_in_two_traces_is_sent_for_each():
    events = expand(step("s1", part(b"same"), trace_id="t1"), step("s1", part(b"same"), trace_id="t2"))
    assert [event["traceId"] for event in events if event["type"] == "data"] == ["t1", "t2"]


def test_bytes_that_are_no_text_travel_as_base64():
    body = b"\xff\x00\xfe"
    data, _ = expand(step("s1", part(body)))
    assert data["contentEncoding"] == "base64"
    assert base64.b64decode(data["content"]) == body
    assert data["sizeBytes"] == 3


def test_a_value_that_comes_later_is_referred_to_under_its_id():
    late = Part("big", "input", "", None, b'{"type":"list","late":true}', b"{}", "late-id")
    (event,) = expand(step("s1", late))
    assert event["artifacts"] == [{"dataId": "late-id", "type": "input", "key": "big"}]
    assert event["inputs"] == {"big": {"type": "list", "late": True}}


def test_a_record_of_values_alone_makes_data_events_alone():
    value = part(b"x")
    value.data_id = "given"
    lost = Part("gone", None, "", None, b"", b'{"lost":"why"}', "gone-id", listed=False)
    events = expand(Record("trace", b"", [value, lost]))
    assert [(event["type"], event["dataId"]) for event in events] == [("data", "given"), ("data", "gone-id")]
    assert events[1]["metadata"] == {"lost": "why"}
    assert "content" not in events[1]


def test_what_is_not_listed_is_an_artifact_and_no_input():
    hidden = part(b"pickle", "x (pickle)")
    hidden.listed = False
    _, event = expand(step("s1", hidden))
    assert len(event["artifacts"]) == 1
    assert "inputs" not in event


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1))
def test_a_plain_value_gets_the_summary_that_it_would_have_had_at_once(value):
    captured = Capturer(()).capture("value", value)
    *_, event = expand(step("s1", Part("value", "input", captured.content_type, captured.body, captured.noted)))
    assert event["inputs"]["value"] == json.loads(captured.summary)


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.binary(max_size=50)), max_size=6))
def test_every_value_is_found_again_under_its_key(values):
    events = expand(step("s1", *(part(body, key) for key, body in values)))
    contents = {}
    for event in events[:-1]:
        encoded = event.get("contentEncoding") == "base64"
        contents[event["dataId"]] = base64.b64decode(event["content"]) if encoded else event["content"].encode()
    references = events[-1].get("artifacts", [])
    assert [(entry["key"], contents[entry["dataId"]]) for entry in references] == values
    assert len(contents) == len({body for _, body in values})
