"""What integrations are built of."""

import inspect
from typing import Any

import pytest

import xray_trace as xray
from xray_trace.headers import Caller, read_headers
from xray_trace.ids import is_valid_id
from xray_trace.instrumentation import ArgumentBinder, begin_handed_over, begin_step, continued, inject_scope, new_id
from xray_trace.testing import MemoryTracer


def test_a_trace_that_is_handed_over_is_ended_by_each_who_continues_it_and_not_by_who_began(
    recorder: MemoryTracer,
) -> None:
    began = begin_handed_over("task", "3d6f0a63-2d5c-4a8c-9d3c-5a3d4f6f2b11")
    headers = inject_scope({}, begin_step("publish", parent=began))
    began.end(None)
    for error in (ValueError("no"), None):
        continued(headers).end(error)
    kinds = [event["type"] for event in recorder.events]
    assert kinds == ["trace-start", "trace-failure", "trace-success"]
    assert {event["traceId"] for event in recorder.events} == {"3d6f0a63-2d5c-4a8c-9d3c-5a3d4f6f2b11"}


def test_a_trace_that_is_handed_over_does_not_count_as_running_here(recorder: MemoryTracer) -> None:
    began = begin_handed_over("task")
    assert recorder.recorder.core.running.is_empty()
    assert not began.has_ended


def test_two_who_tell_of_one_step_use_one_id(recorder: MemoryTracer) -> None:
    step_id = new_id()
    with xray.trace("request"):
        for _ in range(2):
            begin_step("task", step_id=step_id).end()
    assert [step.event["stepId"] for step in recorder.steps] == [step_id, step_id]


@pytest.mark.parametrize("step_id", ["a\r\nSet-Cookie: b", "", 7])
def test_an_id_that_the_server_would_refuse_counts_as_none(recorder: MemoryTracer, step_id: Any) -> None:
    with xray.trace("request"):
        step = begin_step("task", step_id=step_id)
        assert read_headers(inject_scope({}, step)) == Caller(step.trace.trace_id, step.step_id, 1, True)
        step.end()
    assert is_valid_id(recorder.steps[0].event["stepId"])


def test_arguments_get_the_names_of_the_function(recorder: MemoryTracer) -> None:
    def add(x: int, y: int = 1, *more: int) -> None: ...

    binder = ArgumentBinder(inspect.signature(add))
    assert binder.bind((1,), {}) == {"x": 1, "y": 1, "more": ()}
