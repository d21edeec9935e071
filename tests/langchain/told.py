"""What the tests ask of a recording, and the models that they talk to."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import GenericFakeChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolCall
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from xray_trace.testing import MemoryTracer, RecordedStep

__all__ = ["ToolModel", "call", "model", "of", "parent_of", "paths"]


def paths(recorder: MemoryTracer) -> list[str]:
    """Return each step's name below those of the steps around it, as `outer/inner`, in the order they began."""
    steps = {step.event["stepId"]: step for step in recorder.steps}

    def path(step: RecordedStep) -> str:
        around = steps.get(step.event.get("parentStepId") or "")
        return f"{path(around)}/{step.name}" if around else str(step.name)

    return [path(step) for step in sorted(steps.values(), key=lambda step: (step.trace_id, step.number or 0))]


def of(recorder: MemoryTracer, name: str) -> RecordedStep:
    [found] = [step for step in recorder.steps if step.name == name]
    return found


def parent_of(recorder: MemoryTracer, step: RecordedStep) -> str | None:
    return next((each.name for each in recorder.steps if each.event["stepId"] == step.event.get("parentStepId")), None)


class ToolModel(GenericFakeChatModel):
    """langchain-core's fake chat model, which also takes tools."""

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], **options: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        return self

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> Iterator[ChatGenerationChunk]:
        """Stream a call of a tool, too, which the fake one leaves out."""
        answer = next(self.messages)
        if isinstance(answer, AIMessage) and answer.tool_calls:
            yield ChatGenerationChunk(message=AIMessageChunk("", tool_calls=answer.tool_calls))
        else:
            told = GenericFakeChatModel(messages=iter([answer]))
            yield from told._stream(messages, stop, run_manager, **options)


def model(*answers: BaseMessage | str) -> ToolModel:
    return ToolModel(messages=iter([AIMessage(answer) if isinstance(answer, str) else answer for answer in answers]))  # type: ignore[arg-type]


def call(name: str, **arguments: object) -> AIMessage:
    return AIMessage("", tool_calls=[ToolCall(name=name, args=arguments, id=f"call-{name}")])
