"""XRayCallbackHandler: what LangChain calls back, each run told as a step."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FrameType
from typing import Any
from uuid import UUID

from langchain_core.agents import AgentAction, AgentFinish
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult

from xray_langchain.conventions import of_chain, of_model, of_tool
from xray_langchain.described import Told, describe, name_of
from xray_langchain.graphs import hear_of_graphs
from xray_langchain.open_runs import OPEN_RUNS
from xray_langchain.run import Run
from xray_langchain.values import (
    is_to_come,
    take_answer,
    take_inputs,
    take_late_inputs,
    take_result,
    tell_action,
)
from xray_trace.instrumentation import guarded, look_inside, swallow

__all__ = ["XRayCallbackHandler"]

MOST_EVENTS = 100
"""So many custom events of a run are kept with their data, which stays in memory until the run ends."""

_HIDDEN = "langsmith:hidden"
_TOKENS, _EVENTS = object(), object()
"""How a streamed answer is told of: a model may do both, and each chunk counts once."""
_MODELS = {"chat_model": ("chat", "messages"), "llm": ("text_completion", "prompt")}
"""Of each kind of model the conventions' name of what it does, and the key of what it is asked."""


class XRayCallbackHandler(BaseCallbackHandler):
    """Records each run as a step: pass it in `config={"callbacks": [XRayCallbackHandler()]}`, or call `install`.

    `capture_inputs` and `capture_outputs` say whether values are recorded. Runs whose name or kind (`chain`, `prompt`,
    `parser`, `llm`, `chat_model`, `tool`, `retriever`, `agent_action`) is in `ignore` are left out; what they call lies
    below the run around them. Handlers may be copied and shared by threads and tasks; of several in one run the first
    counts.
    """

    raise_error = True  # our own errors end in the guard; what a signal handler of the program's raised must reach it

    def __init__(
        self, *, capture_inputs: bool = True, capture_outputs: bool = True, ignore: Iterable[str] = ()
    ) -> None:
        self._captures_inputs = capture_inputs
        self._captures_outputs = capture_outputs
        self._ignored = frozenset({ignore} if isinstance(ignore, str) else ignore)
        look_inside(OPEN_RUNS.inner)

    @property
    def run_inline(self) -> bool:  # type: ignore[override]
        """Say that it is to be called at once: an executor would do it late, out of order and in a copied context.

        Not so to the asynchronous `on_llm_start`: where one handler is called at once, it leaves out all that are not.
        What it goes on to call asks again, and calls ours at once in any case.
        """
        asking: FrameType | None = sys._getframe(1)
        if asking is not None and asking.f_code.co_name == "<listcomp>":  # a frame of its own before Python 3.12
            asking = asking.f_back
        return asking is None or asking.f_code.co_name != "on_llm_start"

    # -- a run begins -----------------------------------------------------------------------------------
    # Without the guard's `with`, which takes as long as half of the rest: most of what this costs is paid here.

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: UUID, **told: Any) -> None:
        """Begin a chain's step, or that of a prompt, a parser or a graph."""
        try:
            if told.get("parent_run_id") is None:
                hear_of_graphs(XRayCallbackHandler)
            kind = told.get("run_type") or "chain"
            run = self._begin(kind, serialized, run_id, told)
            if run is None:
                return
            metadata = told.get("metadata")
            run.tell(describe(kind, run, told, of_chain(run.name, metadata) if metadata else None))
            if type(inputs) is dict and is_to_come(inputs):
                run.has_late_inputs = True
            elif run.captures_inputs:
                take_inputs(run, inputs)
        except BaseException as error:  # noqa: BLE001 - what is not our own goes on from there
            _give_up(run_id, error)

    def on_chat_model_start(
        self, serialized: Any, messages: list[list[BaseMessage]], *, run_id: UUID, **told: Any
    ) -> None:
        """Begin a chat model's step."""
        self._begin_model("chat_model", serialized, messages, run_id, told)

    def on_llm_start(self, serialized: Any, prompts: list[str], *, run_id: UUID, **told: Any) -> None:
        """Begin the step of a model that completes text."""
        self._begin_model("llm", serialized, prompts, run_id, told)

    def on_tool_start(self, serialized: Any, input_str: str, *, run_id: UUID, **told: Any) -> None:
        """Begin a tool's step."""
        try:
            run = self._begin("tool", serialized, run_id, told)
            if run is not None:
                run.tell(describe("tool", run, told, of_tool(run.name, told.get("tool_call_id"))))
                take_inputs(run, told.get("inputs") or input_str)
        except BaseException as error:  # noqa: BLE001 - what is not our own goes on from there
            _give_up(run_id, error)

    def on_retriever_start(self, serialized: Any, query: str, *, run_id: UUID, **told: Any) -> None:
        """Begin a retriever's step."""
        try:
            run = self._begin("retriever", serialized, run_id, told)
            if run is not None:
                run.tell(describe("retriever", run, told, {"operation": {"name": "retrieval"}}))
                run.input(query, "query")
        except BaseException as error:  # noqa: BLE001 - what is not our own goes on from there
            _give_up(run_id, error)

    def _begin_model(self, kind: str, serialized: Any, asked: Sequence[object], run_id: UUID, told: Told) -> None:
        try:
            run = self._begin(kind, serialized, run_id, told)
            if run is not None:
                operation, key = _MODELS[kind]
                run.tell(describe(kind, run, told, of_model(operation, told)))
                run.input(asked[0] if len(asked) == 1 else asked, key)  # LangChain makes a run of each
        except BaseException as error:  # noqa: BLE001 - what is not our own goes on from there
            _give_up(run_id, error)

    def _begin(self, kind: str, serialized: Any, run_id: UUID, told: Told) -> Run | None:
        """Begin a run; None where there is nothing to tell of it."""
        name, tags = told.get("name"), told.get("tags")
        if type(name) is not str:
            name = name_of(kind, serialized)
        is_hidden = bool(tags and _HIDDEN in tags) or kind in self._ignored or name in self._ignored
        run = OPEN_RUNS.begin(run_id, told.get("parent_run_id"), name, is_hidden)
        if run is None or is_hidden:
            return None
        run.captures_inputs, run.captures_outputs = self._captures_inputs, self._captures_outputs
        return run

    # -- what it tells on the way -----------------------------------------------------------------------

    def on_llm_new_token(self, token: object, *, run_id: UUID, **told: Any) -> None:
        """Count a chunk of a streamed answer, be it text or a list of content blocks."""
        with guarded("counting a chunk"):
            run = self._run(run_id, "chunk")
            if run is not None and run.is_told_by(_TOKENS, "chunks"):
                run.count_chunk()

    def on_stream_event(self, event: Mapping[str, Any], *, run_id: UUID, **told: Any) -> None:
        """Count a chunk of an answer that is streamed as events."""
        with guarded("counting a chunk"):
            run = self._run(run_id, "chunk") if event.get("event") == "content-block-delta" else None
            if run is not None and run.is_told_by(_EVENTS, "chunks"):
                run.count_chunk()

    def on_retry(self, retry_state: object, *, run_id: UUID, **told: Any) -> None:
        """Count a further attempt."""
        with guarded("counting a retry"):
            run = self._run(run_id, "retry")
            if run is not None:
                run.count("retries")

    def on_custom_event(self, name: str, data: Any, *, run_id: UUID, **told: Any) -> None:
        """Attach an event of the program's to the step of the run that it was dispatched in."""
        with guarded("attaching an event"):
            run = self._run(run_id, "event")
            if run is not None and run.count("events") <= MOST_EVENTS:
                run.artifact(data, str(name))

    def on_agent_action(self, action: AgentAction, *, run_id: UUID, **told: Any) -> None:
        """Tell of what an agent decided to do, by a step below the agent's."""
        with guarded("telling of an agent's action"):
            run = self._run(run_id, "action")
            if run is not None and "agent_action" not in self._ignored:
                tell_action(run, action)

    def on_agent_finish(self, finish: AgentFinish, *, run_id: UUID, **told: Any) -> None:
        """Attach an agent's last word to its step."""
        with guarded("telling of an agent's end"):
            run = self._run(run_id, "finish")
            if run is not None:
                run.artifact(finish.return_values, "finish")

    def on_interrupt(self, event: Any) -> None:
        """Attach what a graph waits for to its step."""
        with guarded("telling of an interrupt"):
            run = self._run(event.run_id, "interrupt")
            if run is not None:
                run.count("interrupts")
                run.artifact([{"id": each.id, "value": each.value} for each in event.interrupts], "interrupts")

    def on_resume(self, event: Any) -> None:
        """Say of a graph's step that it goes on from a checkpoint."""
        with guarded("telling of a graph's going on"):
            run = self._run(event.run_id, "resume")
            if run is not None:
                run.say("langchain", resumed_from=event.checkpoint_id)

    def _run(self, run_id: UUID | None, kind: str) -> Run | None:
        """Return the run if this handler is the one to tell of this kind of thing in it."""
        run = OPEN_RUNS.get(run_id)
        return None if run is None or run.is_hidden or not run.is_told_by(self, kind) else run

    # -- a run ends -------------------------------------------------------------------------------------

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **told: Any) -> None:
        """End the step that began as a chain's."""
        try:
            run = OPEN_RUNS.get(run_id)
            if run is not None:
                take_late_inputs(run, told)
                run.output(outputs)
        except Exception as fault:  # noqa: BLE001 - the guard is where our own errors end
            swallow(fault, "taking a chain's output")
        finally:
            OPEN_RUNS.end(run_id)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """End the step that began as a chain's."""
        _end(run_id, error, take_late_inputs, told)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **told: Any) -> None:
        """End a model's step."""
        _end(run_id, None, take_answer, response)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """End a model's step, with what had come of the answer."""
        _end(run_id, error, take_answer, told.get("response"))

    def on_tool_end(self, output: Any, *, run_id: UUID, **told: Any) -> None:
        """End a tool's step."""
        _end(run_id, None, take_result, output)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """End a tool's step."""
        _end(run_id, error, None)

    def on_retriever_end(self, documents: Sequence[Document], *, run_id: UUID, **told: Any) -> None:
        """End a retriever's step."""
        _end(run_id, None, Run.output, documents)

    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """End a retriever's step."""
        _end(run_id, error, None)


def _end(run_id: UUID, error: BaseException | None, take: Callable[..., object] | None, *taken: object) -> None:
    try:
        run = OPEN_RUNS.get(run_id)
        if run is not None and take is not None:
            take(run, *taken)
    except Exception as fault:  # noqa: BLE001 - the guard is where our own errors end
        swallow(fault, "taking what came out of a run")
    finally:
        OPEN_RUNS.end(run_id, error)


def _give_up(run_id: UUID, error: BaseException) -> None:
    """Count an error of our own; what a signal handler raised goes on, and LangChain will say no end of the run."""
    try:
        swallow(error, "beginning a run")
    except BaseException:
        OPEN_RUNS.end(run_id, error)
        raise
