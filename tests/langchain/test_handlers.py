"""However many handlers there are, each run is told once; and what is to be left out is."""

import copy
import gc
import threading
import weakref
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.callbacks import BaseCallbackHandler, dispatch_custom_event
from langchain_core.runnables import RunnableConfig, RunnableLambda
from xray_langchain import XRayCallbackHandler, install, uninstall
from xray_langchain.open_runs import OPEN_RUNS

import xray_trace as xray
from tests.langchain.told import model, of, paths
from xray_trace.default import install as use
from xray_trace.testing import MemoryTracer
from xray_trace.tracer import NoopTracer


def work(number: int) -> int:
    dispatch_custom_event("progress", number)
    return number + 1


chain = RunnableLambda(work) | RunnableLambda(work, name="again")
TOLD_ONCE = ["RunnableSequence", "RunnableSequence/work", "RunnableSequence/again"]


def with_handlers(*handlers: BaseCallbackHandler) -> RunnableConfig:
    return {"callbacks": list(handlers)}


def check_told_once(recorder: MemoryTracer) -> None:
    assert paths(recorder) == TOLD_ONCE
    assert sorted(step.number or 0 for step in recorder.steps) == [1, 2, 3]
    assert of(recorder, "work").metadata["langchain"]["events"] == 1


def test_without_a_handler_nothing_is_recorded(recorder: MemoryTracer) -> None:
    chain.invoke(1)
    assert recorder.events == []


def test_a_handler_records_the_runs_that_it_is_passed_to(recorder: MemoryTracer) -> None:
    assert chain.invoke(1, with_handlers(XRayCallbackHandler())) == 3
    check_told_once(recorder)


def test_installed_every_run_is_recorded_in_every_thread(recorder: MemoryTracer) -> None:
    install()
    thread = threading.Thread(target=chain.invoke, args=(1,))
    thread.start()
    thread.join()
    check_told_once(recorder)


def test_installed_twice_a_run_is_recorded_once(recorder: MemoryTracer) -> None:
    install()
    install()
    chain.invoke(1)
    check_told_once(recorder)


def test_a_handler_beside_the_installed_one_records_nothing_twice(recorder: MemoryTracer) -> None:
    install()
    chain.invoke(1, with_handlers(XRayCallbackHandler()))
    check_told_once(recorder)


def test_two_handlers_in_one_run_record_nothing_twice(recorder: MemoryTracer) -> None:
    chain.invoke(1, with_handlers(XRayCallbackHandler(), XRayCallbackHandler()))
    check_told_once(recorder)


def test_two_handlers_of_one_model_count_each_chunk_once(recorder: MemoryTracer) -> None:
    list(model("sun and wind").stream("weather?", with_handlers(XRayCallbackHandler(), XRayCallbackHandler())))
    assert of(recorder, "ToolModel").metadata["langchain"]["chunks"] == 5


def test_a_deep_copied_handler_goes_on_with_the_runs_of_the_first(recorder: MemoryTracer) -> None:
    handler = XRayCallbackHandler()
    other = copy.deepcopy(handler)

    def outer(number: int) -> int:
        return RunnableLambda(work).invoke(number, with_handlers(other))

    RunnableLambda(outer).invoke(1, with_handlers(handler, other))
    assert paths(recorder) == ["outer", "outer/work"]


def test_a_handler_bound_to_a_part_records_the_part(recorder: MemoryTracer) -> None:
    part = RunnableLambda(work).with_config(with_handlers(XRayCallbackHandler()))
    RunnableLambda(part.invoke, name="outer").invoke(1)
    assert paths(recorder) == ["work"]


def test_after_uninstalling_nothing_is_recorded_and_installing_again_works(recorder: MemoryTracer) -> None:
    install()
    uninstall()
    chain.invoke(1)
    assert recorder.events == []
    install()
    chain.invoke(1)
    check_told_once(recorder)


def test_a_run_that_is_open_at_uninstalling_is_told_to_its_end(recorder: MemoryTracer) -> None:
    install()
    RunnableLambda(lambda _: uninstall(), name="last").invoke(1)
    assert paths(recorder) == ["last"]


def test_what_went_in_or_came_out_can_be_left_out(recorder: MemoryTracer) -> None:
    chain.invoke(1, with_handlers(XRayCallbackHandler(capture_inputs=False)))
    chain.invoke(1, with_handlers(XRayCallbackHandler(capture_outputs=False)))
    first, second = (step for step in recorder.steps if step.name == "work")
    assert (first.inputs, first.output) == ({}, 2)
    assert (second.inputs, second.output) == ({"input": 1}, None)
    assert [artifact["key"] for artifact in second.event["artifacts"]] == ["input"]


def test_what_is_installed_leaves_out_what_it_is_told_to(recorder: MemoryTracer) -> None:
    install(capture_inputs=False, capture_outputs=False, ignore={"again"})
    chain.invoke(1)
    assert paths(recorder) == TOLD_ONCE[:2]
    assert not any(event["type"] == "data" for event in recorder.events)


def test_secrets_stay_home(recorder: MemoryTracer) -> None:
    install()
    RunnableLambda(len, name="log_in").invoke({"password": "swordfish"}, {"metadata": {"api_key": "xyz"}})
    assert "swordfish" not in str(recorder.events)
    assert "xyz" not in str(recorder.events)


def test_where_tracing_is_off_nothing_is_kept_and_all_works(recorder: MemoryTracer) -> None:
    use(NoopTracer())
    install()
    seen: list[Any] = []

    def look(number: int) -> int:
        seen.append((len(OPEN_RUNS), xray.current_step()))
        return number

    assert RunnableLambda(look).invoke(1) == 1
    assert [chunk.content for chunk in model("sun").stream("weather?")] == ["sun"]
    assert seen == [(0, None)]
    assert recorder.events == []


def test_runs_in_a_trace_that_is_not_sampled_are_not_recorded(recorder: MemoryTracer) -> None:
    install()
    with xray.trace("request", sample_rate=0):
        chain.invoke(1)
    assert recorder.events == []


def test_a_run_by_itself_is_sampled_as_a_whole(recorder: MemoryTracer) -> None:
    unsampled = MemoryTracer(sample_rate=0.0)
    use(unsampled)
    install()
    RunnableLambda(lambda number: chain.invoke(number), name="outer").invoke(1)
    assert unsampled.events == []


class Hostile:
    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return Hostile
        raise RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __hash__(self) -> int:
        raise RuntimeError("hash")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")


def test_a_hostile_value_goes_in_and_comes_out_untouched(recorder: MemoryTracer) -> None:
    install()
    hostile = Hostile()
    assert RunnableLambda(lambda value: value["input"], name="pass_on").invoke({"input": hostile}) is hostile
    assert "Hostile" in of(recorder, "pass_on").event["inputs"]["input"]["type"]


def test_what_a_run_held_is_given_back_at_its_end_and_not_when_the_collector_comes(recorder: MemoryTracer) -> None:
    install()
    held: list[weakref.ref[object]] = []
    gc.disable()
    try:
        RunnableLambda(lambda _: held.append(weakref.ref(OPEN_RUNS.roots[0]))).invoke(1)
        assert [each() for each in held] == [None]
    finally:
        gc.enable()


@pytest.mark.swallows
def test_what_goes_wrong_in_ours_is_counted_and_the_program_goes_on(recorder: MemoryTracer) -> None:
    run_id = uuid4()
    handler = XRayCallbackHandler()
    handler.on_chain_start(Hostile(), {"a": 1}, run_id=run_id)
    handler.on_llm_new_token("sun", run_id=run_id)
    handler.on_chain_end({"b": 2}, run_id=run_id)
    handler.on_interrupt(Hostile())
    assert recorder.stats().swallowed == 2
    assert recorder.steps == []


def test_an_iterator_that_is_passed_in_is_not_consumed(recorder: MemoryTracer) -> None:
    install()
    numbers = iter([1, 2])
    assert RunnableLambda(list, name="gather").invoke(numbers) == [1, 2]
    assert of(recorder, "gather").output == [1, 2]
