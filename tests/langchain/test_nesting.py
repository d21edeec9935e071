"""Steps and runs lie in each other, whatever thread or task each runs in."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.callbacks import CallbackManager
from langchain_core.runnables import RunnableConfig, RunnableLambda, RunnableParallel
from langchain_core.runnables.config import ContextThreadPoolExecutor
from langchain_core.tools import tool
from xray_langchain import XRayCallbackHandler

import xray_trace as xray
from tests.langchain.told import model, of, parent_of, paths
from xray_trace.testing import MemoryTracer

pytestmark = pytest.mark.usefixtures("installed")


@xray.step
def look_up(city: str) -> str:
    return f"sun over {city}"


@xray.step
async def alook_up(city: str) -> str:
    await asyncio.sleep(0)
    return f"sun over {city}"


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return look_up(city)


@tool
async def aweather(city: str) -> str:
    """Tell the weather."""
    return await alook_up(city)


inner = RunnableLambda(lambda asked: asked, name="inner")


def test_a_step_in_a_tool_is_a_child_of_the_tool(recorder: MemoryTracer) -> None:
    weather.invoke({"city": "Lima"})
    assert paths(recorder) == ["weather", "weather/look_up"]


async def test_a_step_in_an_async_tool_is_a_child_of_the_tool(recorder: MemoryTracer) -> None:
    await aweather.ainvoke({"city": "Lima"})
    assert paths(recorder) == ["aweather", "aweather/alook_up"]


async def test_a_step_in_a_sync_tool_that_an_async_run_puts_in_a_thread_is_its_child(recorder: MemoryTracer) -> None:
    await weather.ainvoke({"city": "Lima"})
    assert paths(recorder) == ["weather", "weather/look_up"]


def test_a_run_in_a_step_is_its_child(recorder: MemoryTracer) -> None:
    with xray.trace("request"), xray.step("handle"):
        (inner | RunnableLambda(look_up)).invoke("Lima")
    assert paths(recorder) == [
        "handle",
        "handle/RunnableSequence",
        "handle/RunnableSequence/inner",
        "handle/RunnableSequence/look_up",
        "handle/RunnableSequence/look_up/look_up",
    ]


async def test_an_async_run_in_an_async_step_is_its_child(recorder: MemoryTracer) -> None:
    @xray.step
    async def handle(city: str) -> str:
        return await RunnableLambda(alook_up, name="ask").ainvoke(city)

    await handle("Lima")
    assert paths(recorder) == ["handle", "handle/ask", "handle/ask/alook_up"]


def test_a_step_between_two_runs_is_the_child_of_one_and_the_parent_of_the_other(recorder: MemoryTracer) -> None:
    @xray.step
    def between(city: str) -> str:
        return inner.invoke(city)

    RunnableLambda(between, name="outer").invoke("Lima")
    assert paths(recorder) == ["outer", "outer/between", "outer/between/inner"]


def test_a_run_that_is_given_the_config_of_another_still_lies_in_the_step_between(recorder: MemoryTracer) -> None:
    @xray.step
    def between(city: str, config: RunnableConfig) -> str:
        return inner.invoke(city, config)

    def outer(city: str, config: RunnableConfig) -> str:
        return between(city, config)

    RunnableLambda(outer).invoke("Lima")
    assert paths(recorder) == ["outer", "outer/between", "outer/between/inner"]


def test_a_run_that_was_given_handlers_of_its_own_lies_in_the_run_around_it(recorder: MemoryTracer) -> None:
    def outer(city: str) -> str:
        return inner.invoke(city, {"callbacks": [XRayCallbackHandler()]})

    RunnableLambda(outer).invoke("Lima")
    assert paths(recorder) == ["outer", "outer/inner"]


def test_a_run_that_is_given_the_config_of_one_in_another_trace_stays_in_the_step_that_runs(
    recorder: MemoryTracer,
) -> None:
    with xray.trace("request"), xray.step("handle"):
        with xray.trace("other"):
            elsewhere = CallbackManager.configure([XRayCallbackHandler()]).on_chain_start({"name": "elsewhere"}, {})
        inner.invoke("Lima", {"callbacks": elsewhere.get_child()})
        elsewhere.on_chain_end({})
    assert sorted(paths(recorder)) == ["elsewhere", "handle", "handle/inner"]


def test_a_step_after_a_run_has_ended_is_none_of_its_children(recorder: MemoryTracer) -> None:
    with xray.trace("request"):
        inner.invoke("Lima")
        look_up("Lima")
    assert paths(recorder) == ["inner", "look_up"]
    assert len({step.trace_id for step in recorder.steps}) == 1


def test_a_run_in_a_thread_of_the_programs_is_a_child_of_what_was_carried_there(recorder: MemoryTracer) -> None:
    with xray.trace("request"), xray.step("handle"), ThreadPoolExecutor(1) as pool:
        pool.submit(xray.carry(weather.invoke), {"city": "Lima"}).result()
    assert paths(recorder) == ["handle", "handle/weather", "handle/weather/look_up"]


def test_a_step_that_a_run_carries_to_a_thread_is_its_child(recorder: MemoryTracer) -> None:
    def outer(city: str) -> str:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(xray.carry(look_up), city).result()

    RunnableLambda(outer).invoke("Lima")
    assert paths(recorder) == ["outer", "outer/look_up"]


def test_a_step_in_a_thread_of_langchains_pool_is_a_child_of_the_run(recorder: MemoryTracer) -> None:
    def outer(city: str) -> str:
        with ContextThreadPoolExecutor(1) as pool:
            return pool.submit(look_up, city).result()

    RunnableLambda(outer).invoke("Lima")
    assert paths(recorder) == ["outer", "outer/look_up"]


def test_what_is_said_of_the_current_step_in_a_run_is_said_of_the_run(recorder: MemoryTracer) -> None:
    def outer(city: str) -> str:
        xray.annotate(city=city)
        xray.artifact([1, 2], "numbers")
        return xray.inject({})["xray-context"]

    context = RunnableLambda(outer).invoke("Lima")
    step = of(recorder, "outer")
    assert step.metadata["city"] == "Lima"
    assert "numbers" in [artifact["key"] for artifact in step.event["artifacts"]]
    assert f"step={step.event['stepId']};" in context


def test_the_branches_of_a_parallel_run_each_keep_their_steps(recorder: MemoryTracer) -> None:
    branches: Any = RunnableParallel(a=RunnableLambda(look_up, name="to-a"), b=RunnableLambda(look_up, name="to-b"))
    assert branches.invoke("Lima") == {"a": "sun over Lima", "b": "sun over Lima"}
    assert sorted(paths(recorder)) == [
        "RunnableParallel<a,b>",
        "RunnableParallel<a,b>/to-a",
        "RunnableParallel<a,b>/to-a/look_up",
        "RunnableParallel<a,b>/to-b",
        "RunnableParallel<a,b>/to-b/look_up",
    ]


@pytest.mark.parametrize("max_concurrency", [None, 2])
def test_runs_of_a_batch_are_children_of_the_step_around_and_keep_to_themselves(
    recorder: MemoryTracer, max_concurrency: int | None
) -> None:
    config: RunnableConfig = {"callbacks": [XRayCallbackHandler()], "max_concurrency": max_concurrency}
    chain = inner | RunnableLambda(look_up, name="ask")
    cities = [f"city {number}" for number in range(20)]
    with xray.trace("request"), xray.step("handle"):
        answers = chain.batch(cities, config)
    _check_batch(recorder, cities, answers)


@pytest.mark.parametrize("max_concurrency", [None, 2])
async def test_runs_of_an_async_batch_are_children_of_the_step_around_and_keep_to_themselves(
    recorder: MemoryTracer, max_concurrency: int | None
) -> None:
    config: RunnableConfig = {"callbacks": [XRayCallbackHandler()], "max_concurrency": max_concurrency}
    chain = inner | RunnableLambda(look_up, afunc=alook_up, name="ask")
    cities = [f"city {number}" for number in range(20)]
    async with xray.trace("request"), xray.step("handle"):
        answers = await chain.abatch(cities, config)
    _check_batch(recorder, cities, answers)


def _check_batch(recorder: MemoryTracer, cities: list[str], answers: list[str]) -> None:
    assert answers == [f"sun over {city}" for city in cities]
    steps = {step.event["stepId"]: step for step in recorder.steps}
    asked = [step for step in steps.values() if step.name in ("look_up", "alook_up")]
    assert len(asked) == len(cities)
    for step in asked:
        ask = steps[step.event["parentStepId"]]
        sequence = steps[ask.event["parentStepId"]]
        handle = steps[sequence.event["parentStepId"]]
        assert (ask.name, sequence.name, handle.name) == ("ask", "RunnableSequence", "handle")
        assert sequence.inputs == ask.inputs == {"input": step.inputs["city"]}
        assert sequence.output == f"sun over {step.inputs['city']}"
    assert sorted(step.number or 0 for step in steps.values()) == list(range(1, len(steps) + 1))


async def test_an_async_run_has_its_steps_in_order_though_the_handler_is_sync(recorder: MemoryTracer) -> None:
    chain = inner | RunnableLambda(look_up, afunc=alook_up, name="ask") | model("It is sunny.")
    async with xray.step("handle"):
        await chain.ainvoke("Lima")
    assert paths(recorder) == [
        "handle",
        "handle/RunnableSequence",
        "handle/RunnableSequence/inner",
        "handle/RunnableSequence/ask",
        "handle/RunnableSequence/ask/alook_up",
        "handle/RunnableSequence/ToolModel",
    ]


def test_a_run_whose_parent_is_not_known_is_a_root_that_names_it(recorder: MemoryTracer) -> None:
    parent_run_id = uuid4()
    manager = CallbackManager([XRayCallbackHandler()], parent_run_id=parent_run_id)
    inner.invoke("Lima", {"callbacks": manager})
    step = of(recorder, "inner")
    assert "parentStepId" not in step.event
    assert step.metadata["langchain"]["parent_run_id"] == str(parent_run_id)


def test_a_hidden_run_is_passed_over_and_what_it_calls_lies_in_the_run_around_it(recorder: MemoryTracer) -> None:
    hidden = RunnableLambda(lambda city: inner.invoke(look_up(city)), name="hidden").with_config(
        tags=["langsmith:hidden"]
    )
    # the tag would go down to what is called, as all tags do: LangGraph's own hidden runs call nothing
    visible = RunnableLambda(lambda city: hidden.invoke(city), name="outer")
    visible.invoke("Lima")
    assert paths(recorder) == ["outer", "outer/look_up"]


def test_runs_left_out_by_kind_or_name_are_passed_over(recorder: MemoryTracer) -> None:
    handler = XRayCallbackHandler(ignore=("tool", "RunnableSequence"))
    config: RunnableConfig = {"callbacks": [handler]}
    chain = RunnableLambda(lambda city: {"city": city}, name="prepare") | weather | inner
    chain.invoke("Lima", config)
    assert sorted(paths(recorder)) == ["inner", "look_up", "prepare"]
    assert parent_of(recorder, of(recorder, "look_up")) is None


def test_a_hidden_run_below_a_visible_one_hides_itself_alone(recorder: MemoryTracer) -> None:
    handler = XRayCallbackHandler(ignore="tool")
    RunnableLambda(lambda city: weather.invoke({"city": city}), name="outer").invoke("Lima", {"callbacks": [handler]})
    assert paths(recorder) == ["outer", "outer/look_up"]


@xray.step
def pieces() -> Iterator[int]:
    yield 1
    look_up("Lima")
    yield RunnableLambda(lambda number: number, name="in it").invoke(2)


def test_a_generator_that_began_before_the_run_that_reads_on_is_around_what_it_calls(recorder: MemoryTracer) -> None:
    with xray.trace("request"):
        begun = pieces()
        next(begun)
        assert RunnableLambda(lambda left: list(left), name="read").invoke(begun) == [2]
    assert paths(recorder) == ["pieces", "read", "pieces/look_up", "pieces/in it"]


def test_a_function_that_one_run_carries_stays_below_it_in_another(recorder: MemoryTracer) -> None:
    carried: list[Callable[[str], str]] = []

    def bind(asked: str) -> str:
        carried.append(xray.carry(look_up))
        return asked

    first, second = RunnableLambda(bind), RunnableLambda(lambda asked: carried[0](asked), name="second")
    with xray.trace("request"), xray.step("handle"):
        (first | second).invoke("weather?")
    assert paths(recorder)[2:] == [
        "handle/RunnableSequence/bind",
        "handle/RunnableSequence/second",
        "handle/RunnableSequence/bind/look_up",
    ]
