"""Applications on real servers in this process, so that what they record is in this process's memory."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from werkzeug.serving import make_server

from tests.servers.process import HOST, free_port
from xray_trace.testing import MemoryTracer, RecordedStep

__all__ = ["LONGEST_SECONDS", "served_asgi", "served_wsgi", "the_request", "trace_events", "until", "within"]

LONGEST_SECONDS = 20.0


def until(condition: Callable[[], Any]) -> Any:
    """Wait until it is so, and return what it says."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.005)
    return found


def within(recorder: MemoryTracer, parent: RecordedStep) -> list[RecordedStep]:
    """Return the steps directly below this one."""
    return [step for step in recorder.steps if step.event.get("parentStepId") == parent.event["stepId"]]


def the_request(recorder: MemoryTracer) -> RecordedStep:
    """Wait for the one step beside what the applications look up."""
    [found] = until(lambda: [step for step in recorder.steps if step.name != "look_up"])
    assert isinstance(found, RecordedStep)
    return found


def trace_events(recorder: MemoryTracer) -> list[dict[str, Any]]:
    """Return what was told of traces, without their steps."""
    return [event for event in recorder.events if event["type"].startswith("trace-")]


@contextmanager
def served_wsgi(app: Any) -> Iterator[str]:
    """Serve on threads, and yield the address."""
    server = make_server(HOST, free_port(), app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(LONGEST_SECONDS)


@contextmanager
def served_asgi(app: Any) -> Iterator[str]:
    """Serve on an event loop in a thread, and yield the address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        yield f"http://{HOST}:{port}"
    finally:
        server.should_exit = True
        thread.join(LONGEST_SECONDS)
