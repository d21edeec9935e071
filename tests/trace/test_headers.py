"""`traceparent` and `xray-context`, as they are written and read."""

from collections.abc import Callable
from http.client import HTTPMessage
from typing import Any
from wsgiref.headers import Headers

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xray_trace.headers import Caller, Span, read_headers, span_of, write_headers

IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}", fullmatch=True)
CALLERS = st.builds(Caller, IDS, st.none() | IDS, st.integers(0, 999_999_999), st.booleans(), st.booleans())
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@given(CALLERS)
def test_what_is_written_is_read_again(caller: Caller) -> None:
    headers: dict[str, str] = {}
    write_headers(headers, caller, None)
    assert read_headers(headers) == caller
    del headers["xray-context"]
    assert read_headers(headers) == Span(*span_of(caller.trace_id, caller.step_id), caller.is_sampled)


@given(CALLERS)
def test_a_caller_without_another_tracer_writes_a_traceparent_that_the_specification_allows(caller: Caller) -> None:
    headers: dict[str, str] = {}
    write_headers(headers, caller, None)
    version, trace_id, span_id, flags = headers["traceparent"].split("-")
    assert (version, flags) == ("00", "01" if caller.is_sampled else "00")
    assert len(trace_id) == 32
    assert int(trace_id, 16) > 0
    assert len(span_id) == 16
    assert int(span_id, 16) > 0


@given(st.text() | st.text("0123456789abcdef-;=tracespnumbled", max_size=80))
def test_whatever_a_header_holds_is_read_without_an_error(text: str) -> None:
    read_headers({"traceparent": text, "xray-context": text})


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"01-{TRACE}-{SPAN}-01more",
        f"00-{TRACE}-{SPAN}-0g",
    ],
)
def test_a_traceparent_that_the_specification_forbids_counts_as_none(text: str) -> None:
    assert read_headers({"traceparent": text}) is None


def test_a_traceparent_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    span = read_headers({"traceparent": f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like"})
    assert span == Span(TRACE, SPAN, True)


def test_only_the_lowest_bit_of_the_flags_says_that_the_caller_samples() -> None:
    assert read_headers({"traceparent": f"00-{TRACE}-{SPAN}-02"}) == Span(TRACE, SPAN, False)
    assert read_headers({"traceparent": f"00-{TRACE}-{SPAN}-03"}) == Span(TRACE, SPAN, True)


@pytest.mark.parametrize(
    "text",
    [
        "trace=",
        "trace=a b;number=1;sampled=1",
        "step=a",
        "trace=a;step=/;number=1;sampled=1",
        "trace=a;number=²;sampled=1",
    ],
)
def test_a_context_that_makes_no_sense_counts_as_none(text: str) -> None:
    assert read_headers({"xray-context": text}) is None


def test_names_are_found_in_any_case_and_as_bytes() -> None:
    given = [(b"Host", b"here"), (b"TraceParent", f"00-{TRACE}-{SPAN}-01".encode()), (b"X-Ray-Context", b"trace=other")]
    assert read_headers(given) == Span(TRACE, SPAN)
    assert read_headers([("XRAY-Context", "trace=a;step=b;number=3;sampled=0;new=1")]) == Caller("a", "b", 3, False)


@pytest.mark.parametrize("kind", [HTTPMessage, lambda: Headers([])])
def test_headers_of_the_standard_librarys_servers_are_read(kind: Callable[[], Any]) -> None:
    headers = kind()
    headers["Host"], headers["Xray-Context"] = "here", "trace=a;step=b;number=3;sampled=1"
    assert read_headers(headers) == Caller("a", "b", 3, True)


@pytest.mark.parametrize("headers", [None, 7, "traceparent", object(), [("a", "b"), ("traceparent",), "ab"]])
def test_what_is_no_headers_counts_as_none(headers: object) -> None:
    assert read_headers(headers) is None


def test_headers_that_were_there_are_written_over_under_the_name_they_had() -> None:
    headers = {"Traceparent": f"00-{TRACE}-{SPAN}-01", "XRay-Context": "trace=old", "Accept": "*/*"}
    write_headers(headers, Caller("new", None, 0, True), None)
    assert set(headers) == {"Traceparent", "XRay-Context", "Accept"}
    assert read_headers(headers) == Caller("new", None, 0, True)


def test_the_header_that_another_tracer_wrote_for_a_span_of_its_own_stays() -> None:
    theirs = f"00-{TRACE}-{'1' * 16}-01"
    headers = {"traceparent": theirs}
    write_headers(headers, Caller("ours", None, 0, True), Span(TRACE, SPAN))
    assert headers["traceparent"] == theirs


def test_without_a_header_of_its_own_the_other_tracers_span_is_written() -> None:
    headers = {"traceparent": f"00-{'2' * 32}-{SPAN}-01"}
    write_headers(headers, Caller("ours", None, 0, True), Span(TRACE, SPAN, False))
    assert headers["traceparent"] == f"00-{TRACE}-{SPAN}-00"


def test_a_trace_named_after_a_uuid_keeps_its_digits_in_the_traceparent() -> None:
    spelt = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"
    assert span_of(spelt, None)[0] == span_of(f"project-{spelt}", None)[0] == TRACE


def test_steps_of_one_process_have_different_span_ids() -> None:
    process, count = "0123456789abcdef", 10**15
    spans = {span_of("t", f"{process}{count + n}")[1] for n in range(1000)}
    assert len(spans) == 1000
