"""XRayCallbackHandler: what LangChain calls back, each run told as a step."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from langchain_core.agents import AgentAction, AgentFinish
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult

from xray_langchain.conventions import of_chain, of_model, of_tool
from xray_langchain.open_runs import OPEN_RUNS
from xray_langchain.run import Metadata, Run
from xray_langchain.values import is_to_come, take_answer, take_calls, take_inputs
from xray_trace.instrumentation import begin_step, guarded, look_inside

__all__ = ["XRayCallbackHandler"]

MOST_EVENTS = 100
"""So many custom events of a run are kept with their data, which stays in memory until the run ends."""

_HIDDEN = "langsmith:hidden"
_NO_METADATA: Mapping[str, Any] = {}

_Told = dict[str, Any]
"""What LangChain says beside the values: `parent_run_id`, `tags`, `metadata`, `name` and more."""


class XRayCallbackHandler(BaseCallbackHandler):
    """Records each run as a step: pass it in `config={"callbacks": [XRayCallbackHandler()]}`, or call `install`.

    `capture_inputs` and `capture_outputs` say whether values are recorded. Runs whose name or kind (`chain`, `prompt`,
    `parser`, `llm`, `chat_model`, `tool`, `retriever`) is in `ignore` are left out; what they call lies below the run
    around them. Handlers may be copied and shared by threads and tasks; of several in one run the first counts.
    """

    run_inline = True  # in an executor the callbacks would come late, out of order and in a copied context
    raise_error = True  # ours are swallowed by our guard; what a signal handler of the program's raises must reach it

    def __init__(
        self, *, capture_inputs: bool = True, capture_outputs: bool = True, ignore: Iterable[str] = ()
    ) -> None:
        self._captures_inputs = capture_inputs
        self._captures_outputs = capture_outputs
        self._ignored = frozenset({ignore} if isinstance(ignore, str) else ignore)
        look_inside(OPEN_RUNS.inner)

    # -- a run begins -----------------------------------------------------------------------------------

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: UUID, **told: Any) -> None:
        """Begin a chain's step, or that of a prompt, a parser or a graph."""

        def fill(run: Run, name: str) -> _Told | None:
            run.has_late_inputs = is_to_come(inputs)
            if not run.has_late_inputs:
                take_inputs(run, inputs)
            return of_chain(name, told.get("metadata") or _NO_METADATA)

        if told.get("parent_run_id") is None:
            _hear_of_graphs()
        self._begin(told.get("run_type") or "chain", serialized, run_id, told, fill)

    def on_chat_model_start(
        self, serialized: Any, messages: list[list[BaseMessage]], *, run_id: UUID, **told: Any
    ) -> None:
        """Begin a chat model's step."""

        def fill(run: Run, name: str) -> _Told:
            take_calls(run, messages, "messages")
            return of_model("chat", told.get("invocation_params") or {}, told.get("metadata") or _NO_METADATA)

        self._begin("chat_model", serialized, run_id, told, fill)

    def on_llm_start(self, serialized: Any, prompts: list[str], *, run_id: UUID, **told: Any) -> None:
        """Begin the step of a model that completes text."""

        def fill(run: Run, name: str) -> _Told:
            take_calls(run, prompts, "prompt")
            return of_model(
                "text_completion", told.get("invocation_params") or {}, told.get("metadata") or _NO_METADATA
            )

        self._begin("llm", serialized, run_id, told, fill)

    def on_tool_start(self, serialized: Any, input_str: str, *, run_id: UUID, **told: Any) -> None:
        """Begin a tool's step."""

        def fill(run: Run, name: str) -> _Told:
            take_inputs(run, told.get("inputs") or input_str)
            return of_tool(name, told.get("tool_call_id"))

        self._begin("tool", serialized, run_id, told, fill)

    def on_retriever_start(self, serialized: Any, query: str, *, run_id: UUID, **told: Any) -> None:
        """Begin a retriever's step."""

        def fill(run: Run, name: str) -> _Told:
            run.input(query, "query")
            return {"operation": {"name": "retrieval"}}

        self._begin("retriever", serialized, run_id, told, fill)

    # -- what it tells on the way -----------------------------------------------------------------------

    def on_llm_new_token(self, token: object, *, run_id: UUID, **told: Any) -> None:
        """Count a chunk of a streamed answer, be it text or a list of content blocks."""
        with guarded("counting a chunk"):
            run = self._run(run_id, "chunk")
            if run is not None:
                run.count_chunk()

    def on_stream_event(self, event: Mapping[str, Any], *, run_id: UUID, **told: Any) -> None:
        """Count a chunk of an answer that is streamed as events."""
        with guarded("counting a chunk"):
            run = self._run(run_id, "chunk") if event.get("event") == "content-block-delta" else None
            if run is not None:
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
            if run is not None and "agent" not in self._ignored:
                _tell_action(run, action)

    def on_agent_finish(self, finish: AgentFinish, *, run_id: UUID, **told: Any) -> None:
        """Attach an agent's last word to its step."""
        with guarded("telling of an agent's end"):
            run = self._run(run_id, "finish")
            if run is not None and "agent" not in self._ignored:
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

    # -- a run ends -------------------------------------------------------------------------------------

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **told: Any) -> None:
        """End the step that began as a chain's."""
        _end(run_id, None, lambda run: _take_chain(run, outputs, told))

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """End the step that began as a chain's."""
        _end(run_id, error, lambda run: _take_late_inputs(run, told))

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **told: Any) -> None:
        """End a model's step."""
        _end(run_id, None, lambda run: take_answer(run, response))

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """End a model's step, with what had come of the answer."""
        _end(run_id, error, lambda run: take_answer(run, told.get("response")))

    def on_tool_end(self, output: Any, *, run_id: UUID, **told: Any) -> None:
        """End a tool's step."""
        _end(run_id, None, lambda run: run.output(output))

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """End a tool's step."""
        _end(run_id, error)

    def on_retriever_end(self, documents: Sequence[Document], *, run_id: UUID, **told: Any) -> None:
        """End a retriever's step."""
        _end(run_id, None, lambda run: run.output(documents))

    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """End a retriever's step."""
        _end(run_id, error)

    # -- how ----------------------------------------------------------------------------------------------

    def _begin(
        self, kind: str, serialized: Any, run_id: UUID, told: _Told, fill: Callable[[Run, str], _Told | None]
    ) -> None:
        try:
            with guarded("beginning a run"):
                name = _name(kind, serialized, told)
                is_hidden = _HIDDEN in (told.get("tags") or ()) or not self._ignored.isdisjoint((kind, name))
                run = OPEN_RUNS.begin(run_id, told.get("parent_run_id"), name, is_hidden=is_hidden)
                if run is not None and not is_hidden:
                    run.captures_inputs, run.captures_outputs = self._captures_inputs, self._captures_outputs
                    run.tell(_metadata(kind, run, told, fill(run, name)))
        except BaseException as error:  # a signal handler's: LangChain will say no end of what did not begin
            _end(run_id, error)
            raise

    def _run(self, run_id: UUID, kind: str) -> Run | None:
        """Return the run if this handler is the one to tell of this kind of thing in it."""
        run = OPEN_RUNS.get(run_id)
        return None if run is None or run.is_hidden or not run.is_told_by(self, kind) else run


def _end(run_id: UUID, error: BaseException | None, take: Callable[[Run], object] = id) -> None:
    with guarded("ending a run"):
        run = OPEN_RUNS.get(run_id)
        if run is not None:
            try:
                take(run)
            finally:
                OPEN_RUNS.end(run, error)


def _metadata(kind: str, run: Run, told: _Told, gen_ai: _Told | None) -> Metadata:
    langchain: _Told = {"run_id": str(run.run_id), "run_type": kind}
    parent_run_id = told.get("parent_run_id")
    if parent_run_id is not None and not run.is_below:
        langchain["parent_run_id"] = str(parent_run_id)
    tags, metadata = told.get("tags"), told.get("metadata")
    if tags:
        langchain["tags"] = tags
    if metadata:
        own = {key: value for key, value in metadata.items() if key != "lc_versions" and not key.startswith("ls_")}
        if own:
            langchain["metadata"] = own
    return {"langchain": langchain} if gen_ai is None else {"langchain": langchain, "gen_ai": gen_ai}


def _name(kind: str, serialized: Any, told: _Told) -> str:
    name = told.get("name")
    if name is None and serialized:
        name = serialized.get("name") or (serialized.get("id") or (None,))[-1]
    return kind if name is None else str(name)


def _take_late_inputs(run: Run, told: _Told) -> None:
    if run.has_late_inputs:
        take_inputs(run, told.get("inputs", ""))


def _take_chain(run: Run, outputs: object, told: _Told) -> None:
    _take_late_inputs(run, told)
    run.output(outputs)


def _tell_action(run: Run, action: AgentAction) -> None:
    step = begin_step("agent_action", parent=run.step)
    if run.captures_inputs:
        step.input(action.tool_input, "tool_input")
        step.input(action.log, "log")
    step.add_metadata({"langchain": {"run_type": "agent_action"}, "gen_ai": {"tool": {"name": action.tool}}})
    step.end()


def _hear_of_graphs() -> None:
    """Become of LangGraph's kind, if the program has it: it tells of interrupts to handlers of its own class alone."""
    graphs = sys.modules.get("langgraph.callbacks")
    if graphs is not None and not issubclass(XRayCallbackHandler, graphs.GraphCallbackHandler):
        XRayCallbackHandler.__bases__ = (graphs.GraphCallbackHandler,)
