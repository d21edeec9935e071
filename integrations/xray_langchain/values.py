"""What went into a run and came out of it: which values are taken, and under which keys."""

from collections.abc import Mapping

from langchain_core.agents import AgentAction
from langchain_core.messages import ToolMessage
from langchain_core.outputs import LLMResult

from xray_langchain.conventions import of_answer
from xray_langchain.described import Told
from xray_langchain.run import Run
from xray_trace.instrumentation import begin_step

__all__ = ["is_to_come", "take_answer", "take_inputs", "take_late_inputs", "take_result", "tell_action"]

MOST_KEYS = 50
"""A dictionary of more entries is data rather than arguments, and taken as one value."""


def is_to_come(inputs: Mapping[str, object]) -> bool:
    """Tell whether this stands in for the input of a stream, which LangChain tells when it has come to its end."""
    value = inputs.get("input") if len(inputs) == 1 else None
    return type(value) is str and not value


def take_inputs(run: Run, inputs: object) -> None:
    """Take what went in: a value for each name, as an `xray.step` has one for each argument."""
    if isinstance(inputs, dict) and 0 < len(inputs) <= MOST_KEYS:
        items = list(inputs.items())
        if all(type(key) is str for key, _ in items):
            for key, value in items:
                run.input(value, key)
            return
    run.input(inputs, "input")


def take_late_inputs(run: Run, told: Told) -> None:
    """Take what went in where it is told at the end."""
    if run.has_late_inputs:
        take_inputs(run, told.get("inputs", ""))


def take_answer(run: Run, response: LLMResult | None) -> None:
    """Take what a model answered, and what is said beside it; of a model that failed, what came before."""
    answers = [generation for generations in response.generations for generation in generations] if response else []
    if response is None or not answers:
        return
    values = [getattr(answer, "message", answer.text) for answer in answers]
    run.output(values[0] if len(values) == 1 else values)
    said = of_answer(values[0], answers[0].generation_info or {}, response.llm_output or {})
    if said:
        run.say("gen_ai", **said)


def take_result(run: Run, result: object) -> None:
    """Take what a tool gave: of the message that it becomes for a model that called it, what is in it."""
    if not isinstance(result, ToolMessage):
        run.output(result)
        return
    run.output(result.content)
    if result.artifact is not None:
        run.artifact(result.artifact, "artifact")
    if result.status != "success":
        run.say("langchain", status=result.status)


def tell_action(run: Run, action: AgentAction) -> None:
    """Tell of what an agent decided to do, by a step that is over at once."""
    step = begin_step("agent_action", parent=run.step)
    if run.captures_inputs:
        step.input(action.tool_input, "tool_input")
        step.input(action.log, "log")
    step.annotate(langchain={"run_type": "agent_action"}, gen_ai={"tool": {"name": action.tool}})
    step.end()
