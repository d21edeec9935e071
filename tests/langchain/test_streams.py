"""A stream is a run until its end, and its consumer is none of its children."""

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from langchain_core.callbacks import CallbackManager, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from xray_langchain import XRayCallbackHandler
from xray_langchain.open_runs import OPEN_RUNS, OpenRuns
from xray_langchain.run import Run

import xray_trace as xray
from tests.langchain.told import model, of, parent_of, paths
from xray_trace.testing import MemoryTracer

pytestmark = pytest.mark.usefixtures("installed")

pass_on = RunnableLambda(lambda message: message, name="pass_on")


@xray.step
def note(word: str) -> None:
    pass


def shout(words: Iterator[str]) -> Iterator[str]:
    for word in words:
        note(word)
        yield word.upper()


async def ashout(words: AsyncIterator[str]) -> AsyncIterator[str]:
    async for word in words:
        note(word)
        yield word.upper()


shouting = RunnableGenerator(shout, ashout, name="shouting")


class BlockModel(BaseChatModel):
    """A model whose answers are lists of content blocks."""

    def _generate(self, messages: list[BaseMessage], *args: object, **options: object) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage([{"type": "text", "text": "sun"}]))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: object,
    ) -> Iterator[ChatGenerationChunk]:
        for text in ("sun", "ny"):
            block = {"type": "text", "text": text, "index": 0}
            yield ChatGenerationChunk(message=AIMessageChunk(content=[block]))

    @property
    def _llm_type(self) -> str:
        return "blocks"


def test_a_streamed_answer_is_whole_with_its_chunks_counted_and_the_first_one_timed(recorder: MemoryTracer) -> None:
    assert [chunk.content for chunk in model("sun and wind").stream("weather?")] == ["sun", " ", "and", " ", "wind"]
    step = of(recorder, "ToolModel")
    assert step.output["content"] == "sun and wind"
    assert step.metadata["langchain"]["chunks"] == 5
    gen_ai = step.metadata["gen_ai"]
    assert gen_ai["request"]["stream"] is True
    assert 0 <= gen_ai["response"]["time_to_first_chunk"] * 1000 <= step.event["durationMs"]


def test_an_answer_that_was_not_streamed_says_nothing_of_chunks(recorder: MemoryTracer) -> None:
    model("sun").invoke("weather?")
    step = of(recorder, "ToolModel")
    assert "chunks" not in step.metadata["langchain"]
    assert "stream" not in step.metadata["gen_ai"].get("request", {})


def test_chunks_that_are_lists_of_content_blocks_are_counted_as_any(recorder: MemoryTracer) -> None:
    assert len(list(BlockModel().stream("weather?"))) == 3
    step = of(recorder, "BlockModel")
    assert step.metadata["langchain"]["chunks"] == 3
    assert step.output["content"][0]["text"] == "sunny"


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_chunks_that_come_as_events_are_counted(recorder: MemoryTracer) -> None:
    stream = model("sun and wind").stream_events("weather?", version="v3")
    assert "".join(stream.text) == "sun and wind"
    step = of(recorder, "ToolModel")
    assert step.metadata["langchain"]["chunks"] == 5
    assert step.output["content"]
    assert step.metadata["gen_ai"]["response"]["time_to_first_chunk"] >= 0


def test_what_went_into_a_stream_is_told_when_it_has_all_come(recorder: MemoryTracer) -> None:
    chain = shouting | pass_on
    list(chain.transform(iter(["sun", "wind"])))
    assert of(recorder, "shouting").inputs == {"input": "sunwind"}
    assert of(recorder, "shouting").output == "SUNWIND"


def test_a_step_in_the_body_of_a_loop_over_a_stream_is_no_child_of_the_stream(recorder: MemoryTracer) -> None:
    with xray.trace("request"), xray.step("handle"):
        for word in shouting.stream("sun"):
            with xray.step("consume"):
                assert word == "SUN"
    assert parent_of(recorder, of(recorder, "consume")) == "handle"
    assert parent_of(recorder, of(recorder, "note")) == "shouting"
    assert parent_of(recorder, of(recorder, "shouting")) == "handle"


async def test_a_step_in_the_body_of_a_loop_over_an_async_stream_is_no_child_of_it(recorder: MemoryTracer) -> None:
    async with xray.trace("request"), xray.step("handle"):
        async for _ in shouting.astream("sun"):
            async with xray.step("consume"):
                pass
    assert parent_of(recorder, of(recorder, "consume")) == "handle"
    assert parent_of(recorder, of(recorder, "note")) == "shouting"
    assert parent_of(recorder, of(recorder, "shouting")) == "handle"


def test_a_consumer_that_stops_early_is_no_error(recorder: MemoryTracer) -> None:
    stream = (model("sun and wind") | pass_on).stream("weather?")
    next(stream)
    stream.close()
    assert [step.failed for step in recorder.steps] == [False] * len(recorder.steps)


def test_a_model_whose_consumer_stops_early_says_so_and_has_what_had_come(recorder: MemoryTracer) -> None:
    stream = model("sun and wind").stream("weather?")
    next(stream)
    next(stream)
    stream.close()
    step = of(recorder, "ToolModel")
    assert not step.failed
    assert step.metadata["langchain"]["stopped_by"] == "GeneratorExit"
    assert step.metadata["langchain"]["chunks"] == 2
    assert step.output["content"] == "sun "


def test_a_model_whose_consumer_leaves_the_loop_is_told_of_at_once(recorder: MemoryTracer) -> None:
    for _ in model("sun and wind").stream("weather?"):
        break
    assert of(recorder, "ToolModel").metadata["langchain"]["stopped_by"] == "GeneratorExit"


def test_a_stream_that_is_kept_and_never_read_on_ends_with_the_run_around_it(recorder: MemoryTracer) -> None:
    kept: list[Iterator[AIMessageChunk]] = []

    def outer(asked: str) -> str:
        kept.append(model("sun and wind").stream(asked))
        return str(next(kept[0]).content)

    assert RunnableLambda(outer).invoke("weather?") == "sun"
    assert paths(recorder) == ["outer", "outer/ToolModel"]
    assert of(recorder, "ToolModel").metadata["langchain"]["stopped_by"] == "the end of its root"
    assert len(OPEN_RUNS) == 0
    assert "".join(str(chunk.content) for chunk in kept[0]) == " and wind"
    assert len(recorder.steps) == 2


async def test_an_async_consumer_that_stops_early_is_no_error(recorder: MemoryTracer) -> None:
    stream = (model("sun and wind") | pass_on).astream("weather?")
    async for _ in stream:
        break
    await stream.aclose()  # type: ignore[attr-defined]
    assert [step.name for step in recorder.steps if step.failed] == []


async def test_an_async_consumer_that_never_closes_what_it_leaves_is_found_out(recorder: MemoryTracer) -> None:
    async for _ in model("sun and wind").astream("weather?"):
        break
    gc.collect()
    for _ in range(100):  # the loop closes in its own time what the collector has found
        await asyncio.sleep(0)
        if recorder.steps:
            break
    assert of(recorder, "ToolModel").metadata["langchain"]["stopped_by"] == "GeneratorExit"


async def test_a_cancelled_run_has_failed(recorder: MemoryTracer) -> None:
    async def wait(asked: str) -> str:
        started.set()
        await asyncio.sleep(60)
        return asked

    started = asyncio.Event()
    task = asyncio.create_task(RunnableLambda(wait).ainvoke("weather?"))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert of(recorder, "wait").metadata["errorType"].endswith("CancelledError")


def test_what_a_root_leaves_open_is_closed_with_it_and_says_so(recorder: MemoryTracer) -> None:
    root = CallbackManager.configure([XRayCallbackHandler()]).on_chain_start({"name": "root"}, {"a": 1})
    child = root.get_child().on_chain_start({"name": "child"}, {"b": 2})
    child.get_child().on_tool_start({"name": "grandchild"}, "c")
    root.on_chain_end({"done": True})
    assert [step.name for step in recorder.steps] == ["grandchild", "child", "root"]
    assert [step.metadata["langchain"].get("stopped_by") for step in recorder.steps] == ["the end of its root"] * 2 + [
        None
    ]
    assert of(recorder, "child").inputs == {"b": 2}


def test_a_run_that_ends_after_its_root_is_told_once(recorder: MemoryTracer) -> None:
    root = CallbackManager.configure([XRayCallbackHandler()]).on_chain_start({"name": "root"}, {})
    child = root.get_child().on_chain_start({"name": "child"}, {})
    root.on_chain_end({})
    child.on_chain_end({"late": True})
    assert [step.name for step in recorder.steps] == ["child", "root"]


def test_a_run_that_another_thread_begins_while_its_root_ends_is_never_left_open(recorder: MemoryTracer) -> None:
    runs = OpenRuns()

    def begin_below(root: Run, both: threading.Barrier) -> None:
        both.wait()
        runs.begin(uuid4(), root.run_id, "below", False)

    former = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(200):
            root, both = runs.begin(uuid4(), None, "root", False), threading.Barrier(2)
            assert root is not None
            thread = threading.Thread(target=begin_below, args=(root, both))
            thread.start()
            both.wait()
            runs.end(root.run_id)
            thread.join()
    finally:
        sys.setswitchinterval(former)
    for begun_after_it in runs.roots:
        runs.end(begun_after_it.run_id)
    assert len(runs) == 0
    assert len({step.event["stepId"] for step in recorder.steps}) == len(recorder.steps) == 400


def test_of_too_many_open_roots_the_oldest_is_closed(recorder: MemoryTracer) -> None:
    runs = OpenRuns(most_roots=2)
    begun = [runs.begin(uuid4(), None, f"run {number}", False) for number in range(3)]
    below = runs.begin(uuid4(), begun[1].run_id if begun[1] else None, "below", False)
    assert [step.name for step in recorder.steps] == ["run 0"]
    assert of(recorder, "run 0").metadata["langchain"]["stopped_by"] == "too many open runs"
    assert len(runs) == 3
    for run in (begun[1], begun[2]):
        assert run is not None
        runs.end(run.run_id)
    assert below is not None
    assert len(runs) == 0
    assert len(OPEN_RUNS) == 0
