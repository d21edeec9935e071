"""What is recorded of steps and traces."""

import asyncio
import gc
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import xray_trace as xray
from xray_trace.default import install
from xray_trace.recorder.options import StepOptions
from xray_trace.recorder.step import Step
from xray_trace.testing import MemoryTracer


def of_type(recorder: MemoryTracer, kind: str) -> list[dict[str, Any]]:
    return [event for event in recorder.events if event["type"] == kind]


@xray.step
def add(a: int, b: int = 10, *rest: int, **more: int) -> int:
    return a + b


def test_inputs_are_named_after_the_arguments_and_defaults_are_among_them(recorder: MemoryTracer) -> None:
    add(1)
    add(1, 2, 3, extra=4)
    first, second = recorder.steps
    assert first.inputs["a"] == 1
    assert first.inputs["b"] == 10
    assert first.output == 11
    assert second.inputs["extra"] == 4
    assert second.inputs["rest"] == [3]
    assert first.event["inputs"]["b"] == {"type": "int", "bytes": 2, "value": 10}
    assert first.event["output"]["value"] == 11


def test_keyword_arguments_under_a_secret_name_are_masked_whatever_they_are_called(recorder: MemoryTracer) -> None:
    @xray.step
    def connect(host: str, **credentials: object) -> None: ...

    connect("example.com", user="ann", port=5432)
    (step,) = recorder.steps
    assert step.inputs == {"host": "example.com", "credentials": {"user": "[redacted]", "port": 5432}}


def test_a_keyword_argument_is_masked_though_its_key_is_cut_before_the_secret_word(recorder: MemoryTracer) -> None:
    long = "x" * 230
    for _ in range(2):
        add(1, **{f"{long}_password": "hunter2", f"{long}_plain": "kept"})  # type: ignore[arg-type]
    for step in recorder.steps:
        keys = [artifact["key"] for artifact in step.event["artifacts"]]
        assert keys.count(long[:200]) == 2
    told = str(recorder.events)
    assert "hunter2" not in told
    assert "kept" in told


@pytest.mark.parametrize("text", ["a long text " * 2_000, b"long bytes " * 2_000])
def test_a_long_text_that_goes_in_and_out_is_both_input_and_output(recorder: MemoryTracer, text: str | bytes) -> None:
    @xray.step
    def pick(first: object, second: object, password: object) -> object:
        return second

    @xray.step
    def leak(password: object) -> object:
        return password

    pick("x" * 30_000, text, None)
    leak(text)
    picked, leaked = recorder.steps
    expected = text if isinstance(text, str) else text.decode()
    assert (picked.inputs["second"], picked.output) == (expected, expected)
    assert picked.event["output"] == picked.event["inputs"]["second"]
    assert [artifact["key"] for artifact in picked.event["artifacts"]] == ["first", "second", "password", "return"]
    assert (leaked.inputs["password"], leaked.output) == ("[redacted]", expected)


@pytest.mark.usefixtures("recorder")
def test_a_function_that_masks_is_asked_for_the_output_though_it_came_in_before() -> None:
    recorder = MemoryTracer(redact=lambda name, value: name == "return")
    install(recorder)
    text = "a long text " * 2_000
    xray.step(lambda value: value)(text)
    (step,) = recorder.steps
    assert (step.inputs["value"], step.output) == (text, "[redacted]")


@pytest.mark.usefixtures("recorder")
def test_a_long_text_is_masked_as_the_output_though_it_was_none_to_mask_as_an_input() -> None:
    recorder = MemoryTracer(redact=["return"])
    install(recorder)
    text = "a long text " * 2_000
    xray.step(lambda value: value)(text)
    (step,) = recorder.steps
    assert (step.inputs["value"], step.output) == (text, "[redacted]")


def test_a_value_too_large_to_be_taken_at_once_is_recorded_at_every_call(recorder: MemoryTracer) -> None:
    @xray.step
    def pass_on(rows: list[dict[str, int]]) -> list[dict[str, int]]:
        return rows

    rows = [{"id": number} for number in range(50_000)]
    for _ in range(3):
        pass_on(rows)
    assert [len(step.inputs["rows"]) for step in recorder.steps] == [50_000] * 3
    assert [step.event["output"] for step in recorder.steps] == [{"type": "list", "length": 50_000, "late": True}] * 3
    assert recorder.stats().swallowed == 0


def test_inputs_are_taken_before_the_function_changes_them(recorder: MemoryTracer) -> None:
    @xray.step
    def empty(items: list[int]) -> list[int]:
        items.clear()
        return items

    items = [1, 2]
    result = empty(items)
    result.append(3)
    assert recorder.steps[0].inputs == {"items": [1, 2]}
    assert recorder.steps[0].output == []
    assert recorder.steps[0].event["output"]["length"] == 0


def test_the_same_content_is_stored_once_a_trace_and_each_reference_keeps_its_key(recorder: MemoryTracer) -> None:
    @xray.step
    def make() -> list[str]:
        return ["a", "b"]

    @xray.step
    def use(words: list[str]) -> None:
        return None

    with xray.trace("one"):
        use(make())
    made, used = (step.event["artifacts"] for step in recorder.steps)
    assert [(a["key"], a["type"]) for a in made + used] == [
        ("return", "output"), ("words", "input"), ("return", "output"),
    ]  # fmt: skip
    assert made[0]["dataId"] == used[0]["dataId"]
    assert len([e for e in of_type(recorder, "data") if e["dataId"] == made[0]["dataId"]]) == 1
    with xray.trace("two"):
        use(["a", "b"])
    assert recorder.steps[-1].event["artifacts"][0]["dataId"] != made[0]["dataId"]


def test_steps_are_numbered_in_the_order_they_start_and_know_their_parents(recorder: MemoryTracer) -> None:
    @xray.step
    def outer() -> None:
        inner()
        with xray.step("block"):
            inner()

    @xray.step
    def inner() -> None:
        return None

    with xray.trace("nested"):
        outer()
        inner()
    by_number = {s.number: s for s in recorder.steps}
    assert {n: s.name for n, s in by_number.items()} == {
        1: recorder.steps[-2].name, 2: by_number[2].name, 3: "block", 4: by_number[4].name, 5: by_number[5].name,
    }  # fmt: skip
    parents = {n: s.event.get("parentStepId") for n, s in by_number.items()}
    ids = {n: s.event["stepId"] for n, s in by_number.items()}
    assert parents == {1: None, 2: ids[1], 3: ids[1], 4: ids[3], 5: None}
    assert len({s.trace_id for s in recorder.steps}) == 1
    assert all(s.event["durationMs"] >= 0 for s in recorder.steps)


def test_a_step_outside_a_trace_makes_its_own_named_after_it(recorder: MemoryTracer) -> None:
    add(1)
    add(2)
    starts = of_type(recorder, "trace-start")
    assert [s["name"] for s in starts] == ["add", "add"]
    assert len({s["traceId"] for s in starts}) == 2
    assert [e["traceId"] for e in of_type(recorder, "trace-success")] == [s["traceId"] for s in starts]
    assert xray.current_trace() is None
    assert xray.current_step() is None


def test_numbers_are_unique_over_threads_that_carry_the_trace(recorder: MemoryTracer) -> None:
    @xray.step
    def work(i: int) -> int:
        return i

    with xray.trace("threads"), ThreadPoolExecutor(8) as pool:
        list(pool.map(xray.carry(work), range(200)))
    assert sorted(s.number for s in recorder.steps) == list(range(1, 201))
    assert len({s.trace_id for s in recorder.steps}) == 1


def test_without_carry_a_thread_has_no_scope_and_with_it_the_scope_ends_with_the_call(recorder: MemoryTracer) -> None:
    seen: list[Any] = []

    def look() -> None:
        seen.append(xray.current_step())

    with xray.step("here") as here:
        for target in (look, xray.carry(look)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
        carried = xray.carry(look)
    carried()
    assert seen == [None, here, here]
    assert xray.current_step() is None


def test_carry_binds_a_coroutine_function_too(recorder: MemoryTracer) -> None:
    async def look() -> Any:
        await asyncio.sleep(0)
        return xray.current_step()

    with xray.step("here") as here:
        carried = xray.carry(look)
    assert asyncio.run(carried()) is here


def test_tasks_that_run_at_once_keep_their_own_scopes(recorder: MemoryTracer) -> None:
    @xray.step
    async def parent(name: str) -> None:
        await asyncio.sleep(0)
        await child(name)

    @xray.step
    async def child(name: str) -> None:
        await asyncio.sleep(0)
        xray.annotate(name=name)

    async def main() -> None:
        async with xray.trace("tasks"):
            await asyncio.gather(*(parent(f"p{i}") for i in range(20)))

    asyncio.run(main())
    ids = {s.event["stepId"]: s for s in recorder.steps}
    children = [s for s in recorder.steps if s.name and s.name.endswith("child")]
    assert len(children) == 20
    assert all(s.inputs["name"] == ids[s.event["parentStepId"]].inputs["name"] == s.metadata["name"] for s in children)


def test_a_failing_step_keeps_its_inputs_and_tells_the_error(recorder: MemoryTracer) -> None:
    @xray.step
    def broken(x: int) -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError), xray.trace("failing"):
        broken(3)
    (step,) = recorder.steps
    assert step.failed
    assert step.inputs == {"x": 3}
    assert step.metadata["error"] == "'gone'"
    assert step.metadata["errorType"] == "KeyError"
    assert "in broken" in step.metadata["stack"]
    (failure,) = of_type(recorder, "trace-failure")
    assert failure["failureMetadata"] == {"error": "'gone'", "errorType": "KeyError"}
    assert of_type(recorder, "trace-success") == []


def test_the_first_word_on_a_traces_end_holds(recorder: MemoryTracer) -> None:
    def run() -> None:
        with xray.trace() as trace:
            trace.success(score=1)
            trace.failure(score=2)
            raise ValueError("later")

    with pytest.raises(ValueError, match="later"):
        run()
    (end,) = [e for e in recorder.events if e["type"] in {"trace-success", "trace-failure"}]
    assert end["successMetadata"] == {"score": 1}


def test_annotations_go_to_the_step_or_at_once_to_the_trace(recorder: MemoryTracer) -> None:
    words = ["a"]
    with xray.trace("annotated", metadata={"useCase": "test"}):
        xray.annotate(before=1)
        with xray.step("inner", metadata={"model": "v3"}):
            xray.annotate(words=words, model="v4")
            words.append("b")
        xray.annotate(after=2)
    assert recorder.steps[0].metadata == {"model": "v4", "words": ["a"]}
    started = [e["metadata"] for e in of_type(recorder, "trace-start")]
    assert started == [{"useCase": "test"}, {"before": 1}, {"after": 2}]
    xray.annotate(nowhere=True)


def test_metadata_may_be_a_function_of_all_arguments_and_the_result(recorder: MemoryTracer) -> None:
    @xray.step("named", metadata=lambda bound, result: {"n": len(bound["items"]), "best": result}, ignore=["items"])
    def best(items: list[int], limit: int = 5) -> int:
        return max(items)

    assert best([3, 9]) == 9
    (step,) = recorder.steps
    assert step.name == "named"
    assert step.metadata == {"n": 2, "best": 9}
    assert step.inputs == {"limit": 5}


@pytest.mark.swallows
def test_a_broken_metadata_function_costs_its_metadata_alone(recorder: MemoryTracer) -> None:
    @xray.step(metadata=lambda bound, result: 1 / 0)
    def fine(x: int) -> int:
        return x

    assert fine(3) == 3
    assert recorder.steps[0].output == 3
    assert recorder.steps[0].metadata == {}
    assert recorder.stats().swallowed == 1


def test_capturing_can_be_limited(recorder: MemoryTracer) -> None:
    @xray.step(capture_inputs=["a"], capture_output=False)
    def some(a: int, b: int) -> int:
        return a + b

    @xray.step(capture_inputs=False)
    def none(a: int) -> int:
        return a

    some(1, 2)
    none(5)
    assert recorder.steps[0].inputs == {"a": 1}
    assert "output" not in recorder.steps[0].event
    assert recorder.steps[1].inputs == {}
    assert recorder.steps[1].output == 5


def test_a_block_records_what_it_is_given(recorder: MemoryTracer) -> None:
    products = [{"id": 1}, {"id": 2}]
    with xray.step("rank", metadata={"model": "v3"}) as rank:
        assert rank.input(products, key="candidates") is products
        assert rank.output(products[0]) is products[0]
        data_id = rank.artifact("note", "note", metadata={"by": "me"})
    (step,) = recorder.steps
    assert step.inputs == {"candidates": products}
    assert step.output == {"id": 1}
    note = next(e for e in of_type(recorder, "data") if e["dataId"] == data_id)
    assert (note["key"], note["metadata"]) == ("note", {"by": "me"})
    assert {"dataId": data_id, "type": None, "key": "note"} in step.event["artifacts"]


def test_artifact_works_in_a_step_in_a_trace_and_nowhere(recorder: MemoryTracer) -> None:
    with xray.trace():
        loose = xray.artifact([1, 2], "loose")
        with xray.step("s"):
            kept = xray.artifact([1, 2], "kept", type="output")
    assert loose == kept
    assert recorder.steps[0].event["artifacts"] == [{"dataId": kept, "type": "output", "key": "kept"}]
    assert len(of_type(recorder, "data")) == 1
    assert isinstance(xray.artifact(1, "nowhere"), str)


def test_a_step_is_recorded_that_ends_while_another_thread_attaches_values(recorder: MemoryTracer) -> None:
    over = threading.Event()

    def attach(step: Step, begun: threading.Event) -> None:
        while not over.is_set():
            step.input("the same", "value")
            begun.set()

    former = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(200):
            over.clear()
            begun = threading.Event()
            with xray.step("work") as step:
                thread = threading.Thread(target=attach, args=(step, begun))
                thread.start()
                begun.wait()
            over.set()
            thread.join()
    finally:
        sys.setswitchinterval(former)
    assert len(recorder.steps) == 200


def test_an_error_is_recorded_in_the_current_trace_or_in_one_of_its_own(recorder: MemoryTracer) -> None:
    with xray.trace(), xray.step("s") as step:
        xray.error(ValueError("handled"), attempt=2)
    xray.error(KeyError("outside"))
    handled, block, outside = recorder.events[1], recorder.events[2], recorder.events[5]
    assert (handled["type"], handled["parentStepId"]) == ("step-error", step.step_id)
    assert handled["metadata"] == {"attempt": 2, "error": "handled", "errorType": "ValueError", "stack": ""}
    assert block["type"] == "step"
    assert outside["metadata"]["error"] == "'outside'"
    assert recorder.events[-1]["type"] == "trace-failure"


def test_a_generator_is_one_step_that_is_current_only_while_it_runs(recorder: MemoryTracer) -> None:
    inside: list[Any] = []

    @xray.step
    def count(n: int) -> Any:
        for i in range(n):
            inside.append(xray.current_step())
            yield {"i": i}
        return "done"

    with xray.trace():
        made = count(3)
        before = xray.current_step()
        items = []
        for item in made:
            items.append(dict(item))
            assert xray.current_step() is None
            item["i"] = "changed"
            add(1)
    assert before is None
    assert items == [{"i": 0}, {"i": 1}, {"i": 2}]
    step = next(s for s in recorder.steps if "count" in str(s.name))
    assert step.output == {"items": items, "count": 3, "returned": "done"}
    assert step.event["output"]["length"] == 3
    assert step.event["output"]["type"] == "generator"
    assert {s.step_id for s in inside} == {step.event["stepId"]}
    assert all(s.event.get("parentStepId") is None for s in recorder.steps)


def test_a_generator_that_is_left_early_or_never_begun_is_told_as_it_was(recorder: MemoryTracer) -> None:
    @xray.step
    def endless() -> Any:
        i = 0
        while True:
            yield i
            i += 1

    made = endless()
    assert [next(made), next(made)] == [0, 1]
    made.close()
    endless().close()
    (step,) = recorder.steps
    assert not step.failed
    assert step.output == {"items": [0, 1], "count": 2}


def test_of_items_that_are_too_large_to_be_kept_only_the_first_few_are_looked_at(recorder: MemoryTracer) -> None:
    @xray.step
    def pages() -> Any:
        yield from ([{"id": number, "page": page} for number in range(5_000)] for page in range(50))

    assert sum(map(len, pages())) == 250_000
    (step,) = recorder.steps
    assert step.output["count"] == 50
    assert [set(item) for item in step.output["items"]] == [{"leftOut", "bytes"}] * 4


@pytest.mark.usefixtures("recorder")
def test_an_item_whose_masking_fails_costs_the_generators_output_nothing_else() -> None:
    def masks(name: str, value: object) -> bool:
        if value == "odd":
            raise ValueError(value)
        return False

    recorder = MemoryTracer(redact=masks)
    install(recorder)

    @xray.step
    def numbers() -> Any:
        yield from (1, "odd", 3)
        return "odd"

    assert list(numbers()) == [1, "odd", 3]
    (step,) = recorder.steps
    left_out = {"metadata": "masking failed: the function given as `redact` raised an error"}
    assert step.output == {"items": [1, left_out, 3], "count": 3, "returned": left_out}
    assert recorder.stats().swallowed == 0


def test_an_async_generator_is_one_step_whose_items_are_bounded(recorder: MemoryTracer) -> None:
    @xray.step
    async def stream() -> Any:
        for i in range(500):
            yield i

    async def main() -> int:
        return sum([i async for i in stream()])

    assert asyncio.run(main()) == sum(range(500))
    assert recorder.steps[0].output == {"items": list(range(100)), "count": 500}


def test_a_trace_decorates_every_kind_of_function(recorder: MemoryTracer) -> None:
    @xray.trace("whole", metadata={"kind": "sync"})
    def whole() -> int:
        return add(1)

    @xray.trace
    async def whole_async() -> int:
        return add(2)

    @xray.trace
    def whole_generator() -> Any:
        yield add(3)

    whole()
    asyncio.run(whole_async())
    list(whole_generator())
    starts = of_type(recorder, "trace-start")
    assert [s["name"].rpartition(".")[2] for s in starts] == ["whole", "whole_async", "whole_generator"]
    assert starts[0]["metadata"] == {"kind": "sync"}
    assert [s.trace_id for s in recorder.steps] == [s["traceId"] for s in starts]
    assert len(of_type(recorder, "trace-success")) == 3


def test_the_explicit_form_records_traces_steps_and_values(recorder: MemoryTracer) -> None:
    trace = recorder.create_trace({"useCase": "explicit"})
    context = trace.data({"rows": []}, "context", {"source": "sheet"})
    answer = trace.data("42", "answer")
    step_id = trace.step(
        "ask", 1, [{"dataId": context, "type": "input"}, {"dataId": answer, "type": "output"}], {"model": "m"}
    )
    trace.capture("check", [{"data": 42, "key": "n", "type": "input"}, {"data": True}], {"ok": True})
    trace.error(ValueError("bad"), step_name="late", attempt=1)
    trace.error(ValueError("worse"))
    trace.failure(reason="bad")
    trace.success()
    kinds = [e["type"] for e in recorder.events if e["type"] != "data"]
    assert kinds == ["trace-start", "step", "step", "step-error", "trace-error", "trace-failure"]
    steps = recorder.steps
    assert steps[0].event["stepId"] == step_id
    assert steps[0].event["artifacts"] == [{"dataId": context, "type": "input"}, {"dataId": answer, "type": "output"}]
    assert steps[1].inputs == {"n": 42}
    assert steps[3].event["stepName"] is None
    assert steps[3].event["stepNumber"] is None
    assert recorder.events[-1]["failureMetadata"] == {"reason": "bad"}


def test_a_key_of_the_explicit_form_is_brought_into_the_form_that_the_server_takes(recorder: MemoryTracer) -> None:
    trace = recorder.create_trace()
    value = trace.data(1, "key \ud800" + "k" * 1_000)
    trace.step("read", artifacts=[{"dataId": value, "type": "input", "key": "key \ud800" + "k" * 1_000}])
    (step,) = recorder.steps
    (artifact,) = step.event["artifacts"]
    (data,) = of_type(recorder, "data")
    assert artifact["key"] == data["key"]
    assert artifact["key"].startswith("key \\ud800kkk")
    assert len(artifact["key"]) == 200


def test_sampling_takes_whole_traces_and_leaves_the_users_random_numbers_alone(recorder: MemoryTracer) -> None:
    import random

    random.seed(7)
    expected = [random.random() for _ in range(3)]
    random.seed(7)
    for _ in range(400):
        with xray.trace("sampled", sample_rate=0.5):
            add(1)
            xray.artifact(1, "x")
    with xray.trace("never", sample_rate=0):
        add(1)
    taken = of_type(recorder, "trace-start")
    assert 100 < len(taken) < 300
    assert len(recorder.steps) == len(taken) == len(of_type(recorder, "trace-success"))
    assert {e["name"] for e in taken} == {"sampled"}
    assert [random.random() for _ in range(3)] == expected


def test_one_spec_may_be_entered_by_many_tasks_and_again_inside_itself(recorder: MemoryTracer) -> None:
    spec = xray.step("shared")

    async def one(i: int) -> None:
        async with spec as outer:
            await asyncio.sleep(0)
            with spec:
                await asyncio.sleep(0)
                xray.annotate(parent=outer.step_id)
            assert xray.current_step() is outer

    async def main() -> None:
        await asyncio.gather(*(one(i) for i in range(10)))

    asyncio.run(main())
    nested = [s for s in recorder.steps if s.metadata]
    assert len(nested) == 10
    assert all(s.metadata["parent"] == s.event["parentStepId"] for s in nested)


def test_secrets_are_masked_in_inputs_outputs_and_metadata(recorder: MemoryTracer) -> None:
    @xray.step(metadata={"auth_token": "hunter2"})
    def call(url: str, api_key: str, headers: dict[str, str]) -> dict[str, str]:
        return {"password": "hunter2", "fine": "yes"}

    with xray.trace(metadata={"apiKey": "hunter2"}):
        call("http://x", "hunter2", {"Authorization": "hunter2"})
    assert "hunter2" not in repr(recorder.events)
    assert recorder.steps[0].output["fine"] == "yes"


def test_a_step_name_that_is_no_valid_text_is_still_recorded(recorder: MemoryTracer) -> None:
    with xray.step("lone \ud800 surrogate"):
        pass
    with xray.step("x" * 5000):
        pass
    assert recorder.steps[0].name == "lone \\ud800 surrogate"
    assert recorder.steps[1].name == "x" * 200


def test_a_suspended_generator_does_not_keep_its_last_item_alive(recorder: MemoryTracer) -> None:
    class Item:
        pass

    @xray.step
    def give() -> Any:
        yield Item()
        yield Item()

    made = give()
    freed = weakref.ref(next(made))
    gc.collect()
    assert freed() is None
    made.close()


def test_a_large_value_whose_masking_fails_half_way_is_told_of_and_counted() -> None:
    tracer = MemoryTracer(redact=lambda name, value: bool(1 // 0) if value == 40_000 else False)
    step = tracer.recorder.start_step("large", StepOptions(), Step)
    step.input(list(range(50_000)), key="rows")
    step.end()
    (told,) = of_type(tracer, "data")
    assert told["metadata"] == {"lost": "it could not be encoded (MaskingFailed)"}
    assert tracer.steps[0].event["artifacts"] == [{"dataId": told["dataId"], "type": "input", "key": "rows"}]
    stats = tracer.stats()
    assert (stats.dropped, stats.pending, stats.swallowed) == ({"a large value could not be encoded": 1}, 0, 0)
