"""What went into a run and came out of it: which values are taken, and under which keys."""

from collections.abc import Sequence
from typing import Any

from langchain_core.outputs import LLMResult

from xray_langchain.conventions import of_answer
from xray_langchain.run import Run

__all__ = ["is_to_come", "take_answer", "take_calls", "take_inputs"]

MOST_KEYS = 50
"""A dictionary of more entries is data rather than arguments, and taken as one value."""


def is_to_come(inputs: object) -> bool:
    """Tell whether this stands in for the input of a stream, which LangChain tells when it has come to its end."""
    return type(inputs) is dict and len(inputs) == 1 and inputs.get("input") == ""


def take_inputs(run: Run, inputs: object) -> None:
    """Take what went in: a value for each name, as an `xray.step` has one for each argument."""
    if isinstance(inputs, dict) and 0 < len(inputs) <= MOST_KEYS and all(type(key) is str for key in list(inputs)):
        for key, value in list(inputs.items()):
            run.input(value, key)
    else:
        run.input(inputs, "input")


def take_calls(run: Run, calls: Sequence[object], key: str) -> None:
    """Take what a model was asked; LangChain makes a run of each, so there is one."""
    run.input(calls[0] if len(calls) == 1 else calls, key)


def take_answer(run: Run, response: LLMResult | None) -> None:
    """Take what a model answered, and what is said beside it; of a model that failed, what came before."""
    answers = [generation for generations in response.generations for generation in generations] if response else []
    if response is None or not answers:
        return
    values = [getattr(answer, "message", answer.text) for answer in answers]
    run.output(values[0] if len(values) == 1 else values)
    said: dict[str, Any] = of_answer(values[0], answers[0].generation_info or {}, response.llm_output or {})
    if said:
        run.say("gen_ai", **said)
