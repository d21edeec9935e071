"""An agent of LangGraph with a tool, on a model that stands in for a real one; nothing in it knows of X-Ray.

There is a fault in it: for a city that the reports lack, the tool gives nothing, and the model answers all the same.
"""

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

__all__ = ["advise"]

REPORTS = {
    "Oslo": ["Rain until noon", "Wind from the west"],
    "Madrid": ["Sun all day"],
    "Kyoto": ["Mist in the morning", "Sun later"],
}


@tool
def look_up_weather(city: str) -> list[str]:
    """Return the reports of today's weather in a city."""
    return REPORTS.get(city, [])


class StandIn(BaseChatModel):
    """Does what a model with tools would: first asks for the weather, then gives advice."""

    @property
    def _llm_type(self) -> str:
        return "stand-in"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """Know the tools by their names."""
        return self.bind(tools=[each.name for each in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        last = messages[-1]
        if isinstance(last, ToolMessage):
            answer = AIMessage("Take a coat." if "Rain" in str(last.content) else "Enjoy your day.")
        else:
            call = {"name": kwargs["tools"][0], "args": {"city": str(last.content)}, "id": "call-1"}
            answer = AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=answer)])


TOOLS = [look_up_weather]
MODEL = StandIn().bind_tools(TOOLS)


def answer(state: MessagesState) -> dict[str, list[BaseMessage]]:
    """Let the model say what is to be done next."""
    return {"messages": [MODEL.invoke(state["messages"])]}


def build() -> Any:
    """Return the agent: the model and its tool, in turn until the model asks for nothing more."""
    graph = StateGraph(MessagesState)
    graph.add_node("model", answer)
    graph.add_node("tools", ToolNode(TOOLS))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph.compile(name="weather agent")


AGENT = build()


def advise(city: str) -> str:
    """Ask the agent what to do today in a city."""
    return str(AGENT.invoke({"messages": [("user", city)]})["messages"][-1].content)
