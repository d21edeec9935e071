"""LangGraph: an agent with tools, interrupts, and what is control flow and no error."""

import copy
import sys
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManager
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphBubbleUp, GraphInterrupt
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict
from xray_langchain import XRayCallbackHandler, install

import xray_trace as xray
from tests.langchain.told import call, model, of, parent_of, paths
from tests.programs import printed
from xray_trace.testing import MemoryTracer

keeps_contexts = pytest.mark.skipif(
    sys.version_info < (3, 11),
    reason="a task of Python 3.10 takes no context, so LangGraph's asynchronous nodes have none",
)


@xray.step
def look_up(city: str) -> str:
    return f"sun over {city}"


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return look_up(city)


def agent(*, is_async: bool = False) -> Any:
    """Return a graph that asks a model, then runs the tools it calls, until it calls none."""
    talker = model(call("weather", city="Lima"), "It is sunny.").bind_tools([weather])

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [talker.invoke(state["messages"])]}

    async def aask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await talker.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("ask", aask if is_async else ask)
    graph.add_node("tools", ToolNode([weather]))
    graph.add_edge(START, "ask")
    graph.add_conditional_edges("ask", tools_condition)
    graph.add_edge("tools", "ask")
    return graph.compile(name="advisor")


QUESTION = {"messages": [HumanMessage("Weather in Lima?")]}
VISIBLE = [
    "advisor",
    "advisor/ask",
    "advisor/ask/ToolModel",
    "advisor/tools",
    "advisor/tools/weather",
    "advisor/tools/weather/look_up",
    "advisor/ask",
    "advisor/ask/ToolModel",
]


def without_routing(recorder: MemoryTracer) -> list[str]:
    return [path for path in paths(recorder) if not path.endswith("tools_condition")]


def test_an_agents_run_shows_each_model_and_tool_call_below_its_node(recorder: MemoryTracer) -> None:
    install()
    answer = agent().invoke(copy.deepcopy(QUESTION))
    assert answer["messages"][-1].content == "It is sunny."
    assert without_routing(recorder) == VISIBLE
    assert not any(step.failed for step in recorder.steps)
    root = of(recorder, "advisor")
    assert root.inputs["messages"][0]["content"] == "Weather in Lima?"
    assert root.output["messages"][-1]["content"] == "It is sunny."
    assert root.metadata["gen_ai"] == {"operation": {"name": "invoke_workflow"}, "workflow": {"name": "advisor"}}
    assert of(recorder, "weather").metadata["gen_ai"]["tool"]["call"] == {"id": "call-weather"}
    assert of(recorder, "tools").metadata["langchain"]["metadata"]["langgraph_node"] == "tools"


@keeps_contexts
async def test_an_async_agents_run_looks_the_same(recorder: MemoryTracer) -> None:
    install()
    await agent(is_async=True).ainvoke(copy.deepcopy(QUESTION))
    assert without_routing(recorder) == VISIBLE


@pytest.mark.parametrize("mode", ["values", "updates", "messages"])
def test_a_streamed_agents_run_looks_the_same(recorder: MemoryTracer, mode: str) -> None:
    install()
    for _ in agent().stream(copy.deepcopy(QUESTION), stream_mode=mode):
        with xray.trace("elsewhere"), xray.step("consume"):
            pass
    assert [path for path in without_routing(recorder) if path != "consume"] == VISIBLE
    assert {parent_of(recorder, step) for step in recorder.steps if step.name == "consume"} == {None}


@keeps_contexts
async def test_an_async_streamed_agents_run_in_a_step_looks_the_same(recorder: MemoryTracer) -> None:
    install()
    async with xray.trace("request"), xray.step("handle"):
        async for _ in agent(is_async=True).astream(copy.deepcopy(QUESTION)):
            pass
    assert without_routing(recorder) == ["handle", *(f"handle/{path}" for path in VISIBLE)]


def test_an_agent_whose_consumer_stops_early_leaves_nothing_open(recorder: MemoryTracer) -> None:
    install()
    stream = agent().stream(copy.deepcopy(QUESTION))
    next(stream)
    stream.close()
    root = of(recorder, "advisor")
    assert not root.failed
    assert root.metadata["langchain"]["stopped_by"] == "GeneratorExit"


class State(TypedDict):
    city: str
    ok: bool


def approval() -> Any:
    """Return a graph that waits for a word from outside."""

    def ask(state: State) -> dict[str, Any]:
        return {"ok": interrupt({"question": f"Fly to {state['city']}?"})}

    graph = StateGraph(State)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    graph.add_edge("ask", END)
    return graph.compile(checkpointer=InMemorySaver(), name="approval")


def configured(**more: Any) -> RunnableConfig:
    return {"configurable": {"thread_id": "1"}, **more}  # type: ignore[typeddict-item]


def test_an_interrupt_is_no_error_and_what_it_waits_for_is_told_and_so_is_going_on(recorder: MemoryTracer) -> None:
    graph = approval()
    config = configured(callbacks=[XRayCallbackHandler()])
    graph.invoke({"city": "Lima"}, config)
    assert graph.invoke(Command(resume=True), config) == {"city": "Lima", "ok": True}
    waited, interrupted, asked, resumed = recorder.steps
    assert not any(step.failed for step in recorder.steps)
    assert waited.metadata["langchain"]["stopped_by"] == "GraphInterrupt"
    assert interrupted.metadata["langchain"]["interrupts"] == 1
    keys = [artifact["key"] for artifact in interrupted.event["artifacts"]]
    assert "interrupts" in keys
    assert "Fly to Lima?" in str(recorder.events)
    assert asked.output == {"ok": True}
    assert resumed.metadata["langchain"]["resumed_from"]


@keeps_contexts
async def test_an_interrupt_of_an_async_run_is_no_error(recorder: MemoryTracer) -> None:
    graph = approval()
    config = configured(callbacks=[XRayCallbackHandler()])
    await graph.ainvoke({"city": "Lima"}, config)
    await graph.ainvoke(Command(resume=True), config)
    assert not any(step.failed for step in recorder.steps)
    assert recorder.steps[1].metadata["langchain"]["interrupts"] == 1
    assert recorder.steps[3].metadata["langchain"]["resumed_from"]


def test_an_interrupt_is_no_error_where_the_handler_is_installed(recorder: MemoryTracer) -> None:
    install()
    approval().invoke({"city": "Lima"}, configured())
    assert [(step.name, step.failed) for step in recorder.steps] == [("ask", False), ("approval", False)]
    assert of(recorder, "ask").metadata["langchain"]["stopped_by"] == "GraphInterrupt"


def test_a_handler_made_before_langgraph_was_imported_hears_of_interrupts(recorder: MemoryTracer) -> None:
    program = """
import sys
from xray_langchain import XRayCallbackHandler
handler = XRayCallbackHandler()
assert not any(name.startswith("langgraph") for name in sys.modules)
import copy, pickle
from tests.langchain.test_graphs import approval, configured, Command
from xray_trace.default import install
from xray_trace.testing import MemoryTracer
tracer = MemoryTracer()
install(tracer)
approval().invoke({"city": "Lima"}, configured(callbacks=[copy.deepcopy(handler)]))
print(tracer.steps[-1].metadata["langchain"]["interrupts"])
"""
    assert printed(program) == "1\n"


def test_a_class_of_the_programs_that_is_of_both_kinds_keeps_no_run_from_being_recorded() -> None:
    program = """
from langgraph.callbacks import GraphCallbackHandler
from xray_langchain import XRayCallbackHandler
class Both(GraphCallbackHandler, XRayCallbackHandler): ...
from tests.langchain.test_graphs import approval, configured
from xray_trace.default import install
from xray_trace.testing import MemoryTracer
tracer = MemoryTracer()
install(tracer)
for handler in (XRayCallbackHandler(), Both()):
    approval().invoke({"city": "Lima"}, configured(callbacks=[handler]))
print([step.name for step in tracer.steps], tracer.stats().swallowed)
"""
    assert printed(program) == "['ask', 'approval', 'ask', 'approval'] 0\n"


@pytest.mark.parametrize("raised", [GraphInterrupt(), type("Handover", (GraphBubbleUp,), {})()])
def test_what_bubbles_up_through_graphs_is_no_error(recorder: MemoryTracer, raised: GraphBubbleUp) -> None:
    manager = CallbackManager([XRayCallbackHandler()]).on_chain_start({"name": "node"}, {})
    manager.on_chain_error(raised)
    step = of(recorder, "node")
    assert not step.failed
    assert step.metadata["langchain"]["stopped_by"] == type(raised).__name__


def test_an_error_of_the_programs_that_is_only_called_so_is_one(recorder: MemoryTracer) -> None:
    manager = CallbackManager([XRayCallbackHandler()]).on_chain_start({"name": "node"}, {})
    manager.on_chain_error(type("GraphBubbleUp", (Exception,), {})())
    assert of(recorder, "node").failed
