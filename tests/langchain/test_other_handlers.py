"""The program's own handlers hear all that they hear without ours."""

from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListLLM
from langchain_core.runnables import RunnableConfig
from xray_langchain import XRayCallbackHandler

from tests.langchain.told import model, of
from xray_trace.testing import MemoryTracer


class Listener(BaseCallbackHandler):
    """A handler as the documentation of LangChain shows them: not to be called at once."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_llm_start(self, *said: Any, **told: Any) -> None:
        self.heard.append("llm start")

    def on_chat_model_start(self, *said: Any, **told: Any) -> None:
        self.heard.append("chat start")

    def on_llm_end(self, *said: Any, **told: Any) -> None:
        self.heard.append("end")


@pytest.mark.parametrize("ours_is_first", [True, False])
async def test_an_async_run_of_either_kind_of_model_is_told_to_all(recorder: MemoryTracer, ours_is_first: bool) -> None:
    listener = Listener()
    handlers: list[BaseCallbackHandler] = [XRayCallbackHandler(), listener]
    config: RunnableConfig = {"callbacks": handlers if ours_is_first else handlers[::-1]}
    await FakeListLLM(responses=["blue"]).ainvoke("The sky is", config)
    await model("blue").ainvoke("The sky is", config)
    assert listener.heard == ["llm start", "end", "chat start", "end"]
    assert of(recorder, "FakeListLLM").output == "blue"
    assert of(recorder, "ToolModel").output["content"] == "blue"


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.usefixtures("installed")
async def test_the_events_of_a_model_that_completes_text_are_all_there(recorder: MemoryTracer) -> None:
    events = [event["event"] async for event in FakeListLLM(responses=["blue"]).astream_events("?", version="v2")]
    assert [event for event in events if event != "on_llm_stream"] == ["on_llm_start", "on_llm_end"]
    assert of(recorder, "FakeListLLM").output == "blue"
