"""What is recorded of a run of each kind."""

from typing import Any
from uuid import uuid4

import pytest
from langchain_core.agents import AgentAction, AgentFinish
from langchain_core.callbacks import CallbackManager, CallbackManagerForRetrieverRun, dispatch_custom_event
from langchain_core.documents import Document
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from xray_langchain import XRayCallbackHandler

from tests.langchain.told import call, model, of, parent_of, paths
from xray_trace.testing import MemoryTracer

pytestmark = pytest.mark.usefixtures("installed")


@tool
def weather(city: str, days: int = 1) -> str:
    """Tell the weather."""
    return f"sun over {city}"


class Shelf(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [Document("Steel bottle", id="a1", metadata={"score": 0.9}), Document("Cup", id="a2")]


def test_a_chain_has_its_input_by_name_its_output_and_whose_run_it_is(recorder: MemoryTracer) -> None:
    run_id = uuid4()
    chain = RunnableLambda(lambda asked: asked["question"].upper(), name="shout")
    chain.invoke(
        {"question": "why", "context": []},
        {"run_id": run_id, "tags": ["urgent"], "metadata": {"user": "ann"}},
    )
    step = of(recorder, "shout")
    assert step.inputs == {"question": "why", "context": []}
    assert step.event["inputs"]["context"]["length"] == 0
    assert step.output == "WHY"
    assert step.metadata["langchain"] == {
        "run_id": str(run_id),
        "run_type": "chain",
        "tags": ["urgent"],
        "metadata": {"user": "ann"},
    }


def test_an_input_that_is_no_dictionary_is_called_input(recorder: MemoryTracer) -> None:
    RunnableLambda(str, name="write").invoke([1, 2])
    assert of(recorder, "write").inputs == {"input": [1, 2]}


def test_a_dictionary_that_is_data_is_one_value(recorder: MemoryTracer) -> None:
    data: dict[Any, int] = dict.fromkeys(map(str, range(100)), 0)
    RunnableLambda(len, name="many").invoke(data)
    RunnableLambda(len, name="numbered").invoke({1: 2})
    assert list(of(recorder, "many").inputs) == ["input"]
    assert list(of(recorder, "numbered").inputs) == ["input"]


def test_metadata_under_a_key_that_is_no_text_costs_the_run_nothing(recorder: MemoryTracer) -> None:
    RunnableLambda(lambda asked: asked, name="run").invoke("weather?", {"metadata": {7: "seven"}})  # type: ignore[dict-item]
    step = of(recorder, "run")
    assert (step.inputs, step.metadata["langchain"]["metadata"]) == ({"input": "weather?"}, {"7": "seven"})


def test_a_chat_model_has_its_messages_its_answer_and_what_the_conventions_name(recorder: MemoryTracer) -> None:
    answer = AIMessage(
        "Fine.",
        response_metadata={"model_name": "gpt-9-0613", "finish_reason": "stop", "id": "resp-1"},
        usage_metadata={
            "input_tokens": 5,
            "output_tokens": 2,
            "total_tokens": 7,
            "input_token_details": {"cache_read": 3},
            "output_token_details": {"reasoning": 1},
        },
    )
    model(answer).invoke([HumanMessage("How are you?", name="ann")], stop=["\n"], temperature=0.5, max_tokens=9)
    step = of(recorder, "ToolModel")
    assert [(m["type"], m["content"], m["name"]) for m in step.inputs["messages"]] == [("human", "How are you?", "ann")]
    assert step.output["content"] == "Fine."
    gen_ai = step.metadata["gen_ai"]
    assert gen_ai["operation"] == {"name": "chat"}
    assert gen_ai["request"] == {"temperature": 0.5, "max_tokens": 9, "stop_sequences": ["\n"]}
    assert gen_ai["response"] == {"model": "gpt-9-0613", "finish_reasons": ["stop"], "id": "resp-1"}
    assert gen_ai["usage"] == {
        "input_tokens": 5,
        "output_tokens": 2,
        "cache_read": {"input_tokens": 3},
        "reasoning": {"output_tokens": 1},
    }


def test_a_chat_models_tool_calls_are_in_its_answer(recorder: MemoryTracer) -> None:
    model(call("weather", city="Lima")).invoke("Weather in Lima?")
    [called] = of(recorder, "ToolModel").output["tool_calls"]
    assert (called["name"], called["args"], called["id"]) == ("weather", {"city": "Lima"}, "call-weather")


def test_a_model_that_completes_text_has_its_prompt_and_its_text(recorder: MemoryTracer) -> None:
    FakeListLLM(responses=["blue"]).invoke("The sky is")
    step = of(recorder, "FakeListLLM")
    assert (step.inputs, step.output) == ({"prompt": "The sky is"}, "blue")
    assert step.metadata["gen_ai"]["operation"] == {"name": "text_completion"}


def test_the_tokens_that_an_older_model_tells_of_are_found(recorder: MemoryTracer) -> None:
    run_id = uuid4()
    handler = XRayCallbackHandler()
    handler.on_llm_start({"id": ["langchain", "llms", "OldModel"]}, ["a"], run_id=run_id)
    spent = {"prompt_tokens": 3, "completion_tokens": 4}
    answer = ChatGeneration(message=AIMessage("b"), generation_info={"finish_reason": "length"})
    handler.on_llm_end(
        LLMResult(generations=[[answer]], llm_output={"token_usage": spent, "model_name": "old"}), run_id=run_id
    )
    gen_ai = of(recorder, "OldModel").metadata["gen_ai"]
    assert gen_ai["usage"] == {"input_tokens": 3, "output_tokens": 4}
    assert gen_ai["response"] == {"model": "old", "finish_reasons": ["length"]}


def test_tokens_that_are_told_in_no_known_way_cost_nothing_else(recorder: MemoryTracer) -> None:
    model(AIMessage("sun", response_metadata={"token_usage": "3 of 4", "finish_reason": "stop"})).invoke("weather?")
    assert of(recorder, "ToolModel").metadata["gen_ai"]["response"] == {"finish_reasons": ["stop"]}


def test_several_answers_are_kept_all(recorder: MemoryTracer) -> None:
    run_id = uuid4()
    handler = XRayCallbackHandler()
    handler.on_chat_model_start({"name": "Twofold"}, [[HumanMessage("a")]], run_id=run_id)
    answers = [ChatGeneration(message=AIMessage(text)) for text in "bc"]
    handler.on_llm_end(LLMResult(generations=[answers]), run_id=run_id)
    assert [message["content"] for message in of(recorder, "Twofold").output] == ["b", "c"]


def test_a_provider_is_called_as_the_conventions_call_it(recorder: MemoryTracer) -> None:
    handler = XRayCallbackHandler()
    for number, provider in enumerate(("azure", "openai")):
        run_id = uuid4()
        metadata = {"ls_provider": provider, "ls_model_name": "gpt-9"}
        handler.on_chat_model_start({"name": f"m{number}"}, [[HumanMessage("a")]], run_id=run_id, metadata=metadata)
        handler.on_llm_end(LLMResult(generations=[]), run_id=run_id)
    told = [step.metadata["gen_ai"] for step in recorder.steps]
    assert [each["provider"]["name"] for each in told] == ["azure.ai.openai", "openai"]
    assert told[0]["request"] == {"model": "gpt-9"}
    assert "metadata" not in recorder.steps[0].metadata["langchain"]


def test_a_tool_has_its_arguments_and_its_result(recorder: MemoryTracer) -> None:
    weather.invoke({"name": "weather", "args": {"city": "Lima", "days": 2}, "id": "c1", "type": "tool_call"})
    step = of(recorder, "weather")
    assert step.inputs == {"city": "Lima", "days": 2}
    assert step.output == "sun over Lima"
    assert step.metadata["gen_ai"] == {
        "operation": {"name": "execute_tool"},
        "tool": {"name": "weather", "call": {"id": "c1"}},
    }


def test_a_retriever_has_its_query_and_its_documents(recorder: MemoryTracer) -> None:
    Shelf().invoke("bottle")
    step = of(recorder, "Shelf")
    assert step.inputs == {"query": "bottle"}
    assert [(d["id"], d["page_content"], d["metadata"]) for d in step.output] == [
        ("a1", "Steel bottle", {"score": 0.9}),
        ("a2", "Cup", {}),
    ]
    assert step.metadata["gen_ai"] == {"operation": {"name": "retrieval"}}


def test_a_prompt_and_a_parser_say_what_kind_they_are(recorder: MemoryTracer) -> None:
    (ChatPromptTemplate.from_template("{name}?") | model("yes")).invoke({"name": "Ann"})
    assert paths(recorder) == [
        "RunnableSequence",
        "RunnableSequence/ChatPromptTemplate",
        "RunnableSequence/ToolModel",
    ]
    assert of(recorder, "ChatPromptTemplate").metadata["langchain"]["run_type"] == "prompt"


def test_an_agents_action_is_a_step_below_it_and_its_last_word_is_with_it(recorder: MemoryTracer) -> None:
    handler = XRayCallbackHandler()
    manager = CallbackManager([handler]).on_chain_start({"name": "agent"}, {"input": "weather?"})
    manager.on_agent_action(AgentAction("weather", {"city": "Lima"}, "I must look"))
    manager.on_agent_finish(AgentFinish({"output": "sun"}, "done"))
    manager.on_chain_end({"output": "sun"})
    assert paths(recorder) == ["agent", "agent/agent_action"]
    action = of(recorder, "agent_action")
    assert action.inputs == {"tool_input": {"city": "Lima"}, "log": "I must look"}
    assert action.metadata["gen_ai"] == {"tool": {"name": "weather"}}
    assert "finish" in [artifact["key"] for artifact in of(recorder, "agent").event["artifacts"]]


def test_an_event_of_the_programs_is_attached_to_the_run_it_was_dispatched_in(recorder: MemoryTracer) -> None:
    def work(count: int) -> int:
        for number in range(count):
            dispatch_custom_event("progress", {"done": number})
        return count

    RunnableLambda(work).invoke(150)
    step = of(recorder, "work")
    kept = [artifact for artifact in step.event["artifacts"] if artifact["key"] == "progress"]
    assert len(kept) == 100
    assert step.metadata["langchain"]["events"] == 150


def test_an_error_is_told_of_each_run_it_went_through_and_reaches_the_program(recorder: MemoryTracer) -> None:
    def fail(asked: str) -> str:
        raise ValueError("no weather today")

    chain = RunnableLambda(lambda asked: asked, name="first") | RunnableLambda(fail)
    with pytest.raises(ValueError, match="no weather today"):
        chain.invoke("Lima")
    assert {step.name: step.failed for step in recorder.steps} == {
        "first": False,
        "fail": True,
        "RunnableSequence": True,
    }
    assert of(recorder, "fail").metadata["errorType"] == "ValueError"
    assert of(recorder, "fail").inputs == {"input": "Lima"}


def test_a_tool_and_a_retriever_that_fail_say_so(recorder: MemoryTracer) -> None:
    @tool
    def broken(city: str) -> str:
        """Fail."""
        raise OSError("no network")

    class Empty(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
            raise KeyError(query)

    with pytest.raises(OSError, match="no network"):
        broken.invoke({"city": "Lima"})
    with pytest.raises(KeyError):
        Empty().invoke("bottle")
    assert [(step.name, step.failed) for step in recorder.steps] == [("broken", True), ("Empty", True)]


def test_a_fallback_lies_beside_what_failed(recorder: MemoryTracer) -> None:
    def fail(asked: str) -> str:
        raise ValueError("down")

    assert RunnableLambda(fail).with_fallbacks([RunnableLambda(lambda asked: asked, name="spare")]).invoke("x") == "x"
    outcome = [(path, step.failed) for path, step in zip(paths(recorder), _by_number(recorder), strict=True)]
    assert outcome == [
        ("RunnableWithFallbacks", False),
        ("RunnableWithFallbacks/fail", True),
        ("RunnableWithFallbacks/spare", False),
    ]


def test_each_attempt_of_a_retried_runnable_is_a_step_that_says_which_it_is(recorder: MemoryTracer) -> None:
    attempts = []

    def flaky(asked: str) -> str:
        attempts.append(asked)
        if len(attempts) < 3:
            raise ConnectionError("not yet")
        return asked

    retried = RunnableLambda(flaky).with_retry(wait_exponential_jitter=False, stop_after_attempt=3)
    assert retried.invoke("x") == "x"
    around, *tried = _by_number(recorder)
    assert not around.failed
    assert {parent_of(recorder, step) for step in tried} == {around.name}
    assert [step.failed for step in tried] == [True, True, False]
    assert [step.metadata["langchain"].get("tags") for step in tried[1:]] == [["retry:attempt:2"], ["retry:attempt:3"]]


def test_retries_within_a_run_are_counted(recorder: MemoryTracer) -> None:
    [manager] = CallbackManager([XRayCallbackHandler()]).on_llm_start({"name": "slow"}, ["a"])
    state: Any = object()
    manager.on_retry(state)
    manager.on_retry(state)
    manager.on_llm_end(LLMResult(generations=[]))
    assert of(recorder, "slow").metadata["langchain"]["retries"] == 2


def _by_number(recorder: MemoryTracer) -> list[Any]:
    return sorted(recorder.steps, key=lambda step: step.number or 0)


def test_a_tool_that_gave_nothing_to_the_model_has_an_empty_output_and_its_own_artifact(recorder: MemoryTracer) -> None:
    @tool(response_format="content_and_artifact")
    def search(query: str) -> tuple[list[str], dict[str, int]]:
        """Search."""
        return [], {"looked_at": 7}

    search.invoke({"name": "search", "args": {"query": "x"}, "id": "c1", "type": "tool_call"})
    step = of(recorder, "search")
    assert step.event["output"]["length"] == 0
    assert [artifact["key"] for artifact in step.event["artifacts"]] == ["query", "return", "artifact"]
