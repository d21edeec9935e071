"""A request to an ASGI application is a step; what the server and the client see stays as it was."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, HTTPException, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from xray_web import XRayASGIMiddleware

import xray_trace as xray
from tests.web.serving import LONGEST_SECONDS, served_asgi, the_request, trace_events, until, within
from xray_trace.default import install
from xray_trace.testing import MemoryTracer
from xray_trace.tracer import NoopTracer

gate = threading.Event()
started: list[str] = []


@xray.step
def look_up(city: str) -> list[str]:
    return {"Oslo": ["Rain"]}.get(city, [])


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    started.append("began")
    yield
    started.append("ended")


def traced(**options: Any) -> FastAPI:
    app = FastAPI(lifespan=lifespan)
    app.add_middleware(XRayASGIMiddleware, **options)

    @app.get("/weather/{city}")
    async def weather(city: str) -> list[str]:
        return look_up(city)

    @app.get("/threaded/{city}")
    def threaded(city: str) -> list[str]:
        return look_up(city)

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            yield "first,"
            await asyncio.to_thread(gate.wait, LONGEST_SECONDS)
            yield look_up("Oslo")[0]

        return StreamingResponse(pieces())

    @app.get("/later")
    async def later(tasks: BackgroundTasks) -> str:
        tasks.add_task(work_on)
        return "soon"

    @app.get("/broken")
    async def broken() -> str:
        raise ValueError("no weather today")

    @app.get("/gone")
    async def gone() -> str:
        raise HTTPException(404)

    add_what_is_not_recorded(app)
    return app


def add_what_is_not_recorded(app: FastAPI) -> None:
    @app.get("/health")
    async def health() -> str:
        return "fine" if xray.current_trace() is None else "traced"

    @app.websocket("/talk")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()


async def work_on() -> None:
    await asyncio.to_thread(gate.wait, LONGEST_SECONDS)
    look_up("Oslo")


@pytest.mark.parametrize("path", ["weather", "threaded"])
def test_a_request_is_a_step_in_a_trace_of_its_own_and_what_it_calls_lies_below(
    recorder: MemoryTracer, path: str
) -> None:
    with served_asgi(traced()) as url:
        assert httpx.get(f"{url}/{path}/Oslo?day=1&token=hidden").json() == ["Rain"]
        step = the_request(recorder)
    assert step.name == f"GET /{path}/{{city}}"
    assert step.inputs == {"path": f"/{path}/Oslo", "query": {"day": "1", "token": "[redacted]"}}
    assert step.metadata["http"]["response"] == {"status_code": 200}
    assert [inner.name for inner in within(recorder, step)] == ["look_up"]
    start, end = trace_events(recorder)
    assert (start["name"], end["type"]) == (f"GET /{path}/Oslo", "trace-success")


@pytest.mark.parametrize("trusted", [True, False])
def test_a_context_that_came_is_continued_where_it_is_trusted_and_nowhere_else(
    recorder: MemoryTracer, trusted: bool
) -> None:
    with xray.trace("caller") as caller, xray.step("ask") as ask:
        headers = xray.inject({})
    with served_asgi(traced(trust_incoming=trusted)) as url:
        httpx.get(f"{url}/weather/Oslo", headers=headers)
        step = until(lambda: [step for step in recorder.steps if step.name == "GET /weather/{city}"])[0]
    assert (step.trace_id == caller.trace_id) is trusted
    assert (step.event.get("parentStepId") == ask.step_id) is trusted


def test_whom_to_trust_may_be_a_function_of_the_request(recorder: MemoryTracer) -> None:
    with xray.trace("caller") as caller:
        headers = xray.inject({})
    with served_asgi(traced(trust_incoming=lambda scope: scope["client"][0] == "127.0.0.1")) as url:
        httpx.get(f"{url}/weather/Oslo", headers=headers)
        assert the_request(recorder).trace_id == caller.trace_id


def test_a_streaming_answer_ends_the_step_when_the_stream_ends(recorder: MemoryTracer) -> None:
    gate.clear()
    with served_asgi(traced()) as url, httpx.stream("GET", f"{url}/stream") as answer:
        pieces = answer.iter_bytes()
        assert next(pieces) == b"first,"
        assert recorder.steps == []
        gate.set()
        assert b"".join(pieces) == b"Rain"
        step = the_request(recorder)
    assert [inner.name for inner in within(recorder, step)] == ["look_up"]


def test_a_client_that_leaves_amid_the_stream_ends_the_step(recorder: MemoryTracer) -> None:
    gate.clear()
    with served_asgi(traced()) as url:
        with httpx.stream("GET", f"{url}/stream") as answer:
            next(answer.iter_bytes())
        gate.set()
        assert the_request(recorder).name == "GET /stream"


def test_the_step_ends_with_the_answer_and_a_background_task_lies_below_it_all_the_same(recorder: MemoryTracer) -> None:
    gate.clear()
    with served_asgi(traced()) as url:
        assert httpx.get(f"{url}/later").json() == "soon"
        step = the_request(recorder)
        gate.set()
        until(lambda: within(recorder, step))


def test_an_error_that_leaves_the_application_is_the_steps(recorder: MemoryTracer) -> None:
    with pytest.raises(ValueError, match="no weather today"):
        TestClient(traced()).get("/broken")
    step = the_request(recorder)
    assert (step.name, step.metadata["error"]) == ("GET /broken", "no weather today")
    assert trace_events(recorder)[-1]["type"] == "trace-failure"


@pytest.mark.parametrize(("path", "failed"), [("/broken", True), ("/gone", False)])
def test_a_request_that_is_answered_with_a_500_has_failed_and_with_a_404_has_not(
    recorder: MemoryTracer, path: str, failed: bool
) -> None:
    with served_asgi(traced()) as url:
        httpx.get(url + path)
        assert the_request(recorder).failed is failed
    assert (trace_events(recorder)[-1]["type"] == "trace-failure") is failed


async def test_requests_at_once_keep_to_their_own_traces(recorder: MemoryTracer) -> None:
    with served_asgi(traced()) as url:
        async with httpx.AsyncClient() as client:
            paths = [f"{url}/{('weather', 'threaded')[n % 2]}/{n}" for n in range(40)]
            await asyncio.gather(*(client.get(path) for path in paths))
    calls = [step for step in recorder.steps if step.name != "look_up"]
    assert len({step.trace_id for step in calls}) == 40
    for step in calls:
        [inner] = within(recorder, step)
        assert step.inputs["path"].rpartition("/")[2] == inner.inputs["city"]


def test_lifespan_and_websockets_pass_through(recorder: MemoryTracer) -> None:
    started.clear()
    with TestClient(traced()) as client, client.websocket_connect("/talk") as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
    assert started == ["began", "ended"]
    assert recorder.events == []


def test_an_ignored_path_is_not_recorded(recorder: MemoryTracer) -> None:
    assert TestClient(traced(ignore={"/health"})).get("/health").json() == "fine"
    assert recorder.events == []


def test_a_path_that_is_ignored_may_be_given_alone(recorder: MemoryTracer) -> None:
    client = TestClient(traced(ignore="/health"))
    assert client.get("/health").text == '"fine"'
    assert recorder.events == []
    client.get("/")
    assert the_request(recorder).inputs["path"] == "/"


@pytest.mark.parametrize("said", [{"status": "200"}, {}])
async def test_a_status_that_is_no_number_keeps_no_request_from_being_recorded(
    recorder: MemoryTracer, said: dict[str, Any]
) -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", **said})

    async def send(message: Any) -> None:
        sent.append(message)

    await XRayASGIMiddleware(app)({"type": "http", "method": "GET", "path": "/"}, send, send)  # type: ignore[arg-type]
    assert sent == [{"type": "http.response.start", **said}]
    assert the_request(recorder).metadata["http"] == {"request": {"method": "GET"}}
    assert trace_events(recorder)[-1]["type"] == "trace-success"


def test_a_mounted_route_is_named_with_what_it_is_mounted_on(recorder: MemoryTracer) -> None:
    async def show(request: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    inner = Starlette(routes=[Route("/items/{item}", show)])
    client = TestClient(XRayASGIMiddleware(Starlette(routes=[Mount("/shop", inner)])), root_path="/proxy")
    client.get("/proxy/shop/items/7")
    client.get("/proxy/shop/nothing/7")
    assert [step.name for step in recorder.steps] == ["GET /shop/items/{item}", "GET"]


def test_middleware_that_runs_the_application_in_a_task_of_its_own_keeps_steps_below_the_request(
    recorder: MemoryTracer,
) -> None:
    app = FastAPI()

    async def pass_on(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    app.add_middleware(BaseHTTPMiddleware, dispatch=pass_on)
    app.add_middleware(XRayASGIMiddleware)
    app.get("/weather/{city}")(look_up)
    assert TestClient(app).get("/weather/Oslo").json() == ["Rain"]
    assert [inner.name for inner in within(recorder, the_request(recorder))] == ["look_up"]


async def test_where_tracing_is_off_the_application_is_called_as_it_is() -> None:
    seen: list[Any] = []

    async def app(*args: Any) -> None:
        seen.extend(args)

    async def receive() -> dict[str, Any]:
        return {}

    async def send(message: Any) -> None: ...

    scope = {"type": "http"}
    former = install(NoopTracer())
    try:
        await XRayASGIMiddleware(app)(scope, receive, send)
    finally:
        install(former)
    assert seen == [scope, receive, send]


def test_what_a_request_sets_current_is_not_current_after_it(recorder: MemoryTracer) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b""})

    async def serve() -> None:
        async def nothing(*args: Any) -> Any: ...

        await XRayASGIMiddleware(app)({"type": "http", "method": "GET", "path": "/"}, nothing, nothing)
        assert xray.current_trace() is None

    asyncio.run(serve())
    assert the_request(recorder).name == "GET"


@pytest.mark.swallows
def test_a_function_that_fails_to_say_whom_to_trust_leaves_the_answer_as_it_is(recorder: MemoryTracer) -> None:
    def fail(scope: Any) -> bool:
        raise KeyError("missing")

    assert TestClient(traced(trust_incoming=fail)).get("/weather/Oslo").json() == ["Rain"]
    assert recorder.stats().swallowed == 1


def test_a_generator_given_as_the_body_is_read_as_without(recorder: MemoryTracer) -> None:
    app = traced()

    @app.get("/pieces")
    def pieces() -> StreamingResponse:
        def each() -> Iterator[bytes]:
            yield from (b"x" * 1000 for _ in range(50))

        return StreamingResponse(each())

    assert TestClient(app).get("/pieces").content == b"x" * 50_000
