"""What a program leaves open is told as it ends, and of two processes by the one that began it."""

import sys

import pytest

from tests.programs import printed

TELLS = """
import asyncio, atexit, os, sys
def tell():  # it is there first, so it is called last
    told = [(step.name, step.metadata.get("errorType")) for step in tracer.steps]
    ends = [event["type"] for event in tracer.events if event["type"] in ("trace-success", "trace-failure")]
    print(told, ends, flush=True)
atexit.register(tell)
import xray_langchain
from langchain_core.callbacks import CallbackManager
from xray_trace.default import install
from xray_trace.testing import MemoryTracer
tracer = MemoryTracer()
install(tracer)
"""
STREAM = """
from langgraph.graph import START, StateGraph
xray_langchain.install()
graph = StateGraph(dict).add_node("ask", lambda state: {}).add_edge(START, "ask").compile(name="weather")
async def ask():
    async for _ in graph.astream({"city": "Lima"}):
        break
loop = asyncio.new_event_loop()
loop.run_until_complete(ask())  # and whoever would have closed the stream is not called any more
"""
FORK = """
manager = CallbackManager([xray_langchain.XRayCallbackHandler()])
run = manager.on_chain_start({"name": "of the parent"}, {})
child = os.fork()
if child == 0:
    manager.on_chain_start({"name": "of the child"}, {})
    sys.exit()
os.waitpid(child, 0)
run.on_chain_end({})
"""
DAEMON = """
import threading
from langchain_core.runnables import RunnableLambda
xray_langchain.install()
works = threading.Event()
def work(_):
    works.set()
    threading.Event().wait()
threading.Thread(target=RunnableLambda(work).invoke, args=(1,), daemon=True).start()
works.wait()
"""


def test_a_stream_that_is_open_as_the_program_ends_is_told_like_any_step_that_its_process_did_not_survive() -> None:
    assert printed(TELLS + STREAM) == "[('ask', None), ('weather', 'ProcessEnded')] ['trace-failure']\n"


def test_what_a_daemon_thread_still_works_at_is_not_told_as_over() -> None:
    assert printed(TELLS + DAEMON) == "[] []\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_what_is_open_as_a_process_forks_is_told_by_the_parent_alone() -> None:
    assert printed(TELLS + FORK).splitlines() == [
        "[('of the child', 'ProcessEnded')] ['trace-failure']",
        "[('of the parent', None)] ['trace-success']",
    ]
