"""One trace over several processes: `inject` and `continue_trace`, and OpenTelemetry beside them."""

import asyncio
import sys
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import xray_trace as xray
from xray_trace.headers import Caller, read_headers
from xray_trace.testing import MemoryTracer, RecordedStep


@xray.step
def ask(question: str) -> dict[str, str]:
    return xray.inject({"accept": "*/*"})


@xray.step
def answer(question: str) -> str:
    return "42"


def step_of(recorder: MemoryTracer, name: str) -> RecordedStep:
    [found] = [step for step in recorder.steps if step.name == name]
    return found


def kinds(recorder: MemoryTracer) -> list[str]:
    return [event["type"] for event in recorder.events if event["type"] != "data"]


def test_a_step_in_a_continued_trace_lies_below_the_callers_step_and_is_numbered_on(recorder: MemoryTracer) -> None:
    with xray.trace("request"):
        answer("first")
        headers = ask("second")
    with xray.continue_trace(headers):
        answer("third")
    third = recorder.steps[-1]
    caller = step_of(recorder, "ask")
    assert third.trace_id == caller.trace_id
    assert third.event["parentStepId"] == caller.event["stepId"]
    assert (caller.number, third.number) == (2, 3)
    assert headers["accept"] == "*/*"


def test_a_continued_trace_is_begun_and_ended_by_its_caller_alone(recorder: MemoryTracer) -> None:
    with xray.trace("request"):
        headers = xray.inject({})
        with pytest.raises(ValueError, match="bad"), xray.continue_trace(headers):
            raise ValueError("bad")
    assert kinds(recorder) == ["trace-start", "trace-success"]


def test_what_is_said_of_a_continued_trace_goes_to_the_callers(recorder: MemoryTracer) -> None:
    with xray.trace("request") as began:
        headers = xray.inject({})
    with xray.continue_trace(headers, metadata={"service": "billing"}) as continued:
        xray.annotate(attempts=2)
        assert xray.current_trace() is continued
        assert xray.current_step() is None
        continued.failure(reason="no money")
    told = [event for event in recorder.events if event["traceId"] == began.trace_id]
    assert [event.get("metadata") for event in told[2:4]] == [{"service": "billing"}, {"attempts": 2}]
    assert told[-1]["failureMetadata"] == {"reason": "no money"}


def test_a_service_between_two_others_passes_on_the_step_that_called_it(recorder: MemoryTracer) -> None:
    with xray.trace("request"):
        headers = ask("far away")
    with xray.continue_trace(headers):
        further = xray.inject({})
    with xray.continue_trace(further):
        answer("far away")
    assert step_of(recorder, "answer").event["parentStepId"] == step_of(recorder, "ask").event["stepId"]


def test_an_error_told_in_a_continued_trace_lies_below_the_callers_step(recorder: MemoryTracer) -> None:
    with xray.trace("request"):
        headers = ask("why")
    with xray.continue_trace(headers):
        xray.error(ValueError("no reason"))
    assert recorder.steps[-1].event["parentStepId"] == step_of(recorder, "ask").event["stepId"]


def test_a_trace_that_the_caller_does_not_record_is_not_recorded_further_on(recorder: MemoryTracer) -> None:
    with xray.trace("request", sample_rate=0):
        headers = ask("quietly")
    with xray.continue_trace(headers):
        answer("quietly")
    assert recorder.events == []


def test_a_traceparent_alone_makes_the_same_trace_of_all_who_continue_it(recorder: MemoryTracer) -> None:
    headers = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}
    for _ in range(2):
        with xray.continue_trace(headers, name="request"):
            answer("twice")
    assert {step.trace_id for step in recorder.steps} == {"4bf92f35-77b3-4da6-a3ce-929d0e0e4736"}
    assert kinds(recorder) == ["trace-start", "step", "trace-success"] * 2


def test_a_trace_finds_itself_where_only_the_traceparent_came_through(recorder: MemoryTracer) -> None:
    with xray.trace("request") as began:
        headers = ask("through a proxy that knows W3C alone")
    del headers["xray-context"]
    with xray.continue_trace(headers):
        answer("here")
    assert recorder.steps[-1].trace_id == began.trace_id


@pytest.mark.parametrize("headers", [{}, None, {"traceparent": "nonsense", "xray-context": "trace=/"}, 7])
def test_where_nothing_came_the_block_is_a_trace_like_any_other(recorder: MemoryTracer, headers: object) -> None:
    with xray.continue_trace(headers, name="request", metadata={"useCase": "test"}):
        answer("alone")
    start = recorder.events[0]
    assert (start["name"], start["metadata"]) == ("request", {"useCase": "test"})
    assert kinds(recorder) == ["trace-start", "step", "trace-success"]


def test_outside_any_trace_nothing_is_injected(recorder: MemoryTracer) -> None:
    assert xray.inject({"accept": "*/*"}) == {"accept": "*/*"}


@pytest.mark.swallows
def test_headers_that_cannot_be_written_stay_as_they_are(recorder: MemoryTracer) -> None:
    headers: Any = MappingProxyType({"accept": "*/*"})
    with xray.trace():
        assert xray.inject(headers) is headers
    assert recorder.stats().swallowed == 1


async def test_tasks_of_one_block_keep_to_its_trace(recorder: MemoryTracer) -> None:
    with xray.trace("request"):
        headers = ask("all at once")

    @xray.step
    async def one_of_many(number: int) -> None:
        await asyncio.sleep(0)

    async with xray.continue_trace(headers) as continued:
        await asyncio.gather(*(one_of_many(number) for number in range(5)))
    assert {step.trace_id for step in recorder.steps} == {continued.trace_id}
    assert sorted(step.number or 0 for step in recorder.steps) == [1, 2, 3, 4, 5, 6]


# -- OpenTelemetry ----------------------------------------------------------------------------------------------


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter
    provider.shutdown()


@pytest.fixture
def otel(spans: InMemorySpanExporter) -> Any:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider.get_tracer("program")


def otel_ids(span: ReadableSpan) -> dict[str, str]:
    return {"trace_id": f"{span.context.trace_id:032x}", "span_id": f"{span.context.span_id:016x}"}


def test_a_step_names_the_span_it_ran_in_and_the_span_names_the_outermost_step(
    recorder: MemoryTracer, otel: Any, spans: InMemorySpanExporter
) -> None:
    with otel.start_as_current_span("handle"), xray.trace("request"), xray.step("outer"):
        answer("inside")
    [span] = spans.get_finished_spans()
    outer = step_of(recorder, "outer")
    assert {step.metadata["otel"]["span_id"] for step in recorder.steps} == {otel_ids(span)["span_id"]}
    assert outer.metadata["otel"] == otel_ids(span)
    assert span.attributes == {"xray.trace_id": outer.trace_id, "xray.step_id": outer.event["stepId"]}


def test_a_step_outside_any_span_says_nothing_of_spans(recorder: MemoryTracer, otel: Any) -> None:
    with xray.trace("request"):
        answer("alone")
    assert recorder.steps[0].metadata == {}


def test_a_span_made_from_injected_headers_is_a_child_of_the_program_s_span(
    recorder: MemoryTracer, otel: Any, spans: InMemorySpanExporter
) -> None:
    with otel.start_as_current_span("client"), xray.trace("request"):
        headers = ask("with OpenTelemetry")
    with otel.start_as_current_span("server", context=propagate.extract(headers)), xray.continue_trace(headers):
        answer("with OpenTelemetry")
    client, server = spans.get_finished_spans()
    assert server.parent is not None
    assert server.parent.span_id == client.context.span_id
    assert step_of(recorder, "answer").trace_id == step_of(recorder, "ask").trace_id
    assert step_of(recorder, "answer").metadata["otel"] == otel_ids(server)


def test_a_span_made_from_a_caller_without_opentelemetry_has_the_traces_own_id(
    recorder: MemoryTracer, otel: Any, spans: InMemorySpanExporter
) -> None:
    with xray.trace("request") as began:
        headers = ask("of a service with OpenTelemetry")
    with otel.start_as_current_span("server", context=propagate.extract(headers)):
        pass
    [server] = spans.get_finished_spans()
    assert otel_ids(server)["trace_id"] == began.trace_id.replace("-", "")


def test_a_service_with_opentelemetry_alone_hands_the_trace_on(
    recorder: MemoryTracer, otel: Any, spans: InMemorySpanExporter
) -> None:
    with xray.trace("request") as began:
        headers = ask("of a service with OpenTelemetry")
    further: dict[str, str] = {}
    with otel.start_as_current_span("between", context=propagate.extract(headers)):
        propagate.inject(further)
    with xray.continue_trace(further):
        answer("at the end")
    assert recorder.steps[-1].trace_id == began.trace_id


def test_a_header_that_opentelemetry_wrote_is_kept_and_ours_put_beside_it(recorder: MemoryTracer, otel: Any) -> None:
    with otel.start_as_current_span("client"), xray.trace("request"):
        headers: dict[str, str] = {}
        propagate.inject(headers)
        theirs = dict(headers)
        xray.inject(headers)
    assert headers.items() >= theirs.items()
    assert set(headers) == {"traceparent", "xray-context"}


@pytest.mark.swallows
def test_a_span_that_cannot_be_asked_does_not_keep_a_step_from_being_recorded(
    recorder: MemoryTracer, otel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("no span today")

    monkeypatch.setattr(trace, "get_current_span", fail)
    with xray.trace("request") as began:
        answer("all the same")
        assert read_headers(xray.inject({})) == Caller(began.trace_id, None, 1, True)
    assert [step.name for step in recorder.steps] == ["answer"]


def test_where_the_program_keeps_opentelemetry_from_being_imported_steps_say_nothing_of_spans(
    recorder: MemoryTracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with xray.trace("request"):
        answer("alone")
    assert recorder.steps[0].metadata == {}
