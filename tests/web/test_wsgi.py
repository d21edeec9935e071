"""A request to a WSGI application is a step; what the server and the client see stays as it was."""

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest
import requests
from flask import Flask, Response, abort, request, stream_with_context
from xray_web import XRayWSGIMiddleware

import xray_trace as xray
from tests.web.serving import LONGEST_SECONDS, served_wsgi, the_request, trace_events, within
from xray_trace.default import install
from xray_trace.testing import MemoryTracer
from xray_trace.tracer import NoopTracer

gate = threading.Event()


@xray.step
def look_up(city: str) -> list[str]:
    return {"Oslo": ["Rain"]}.get(city, [])


def flask_app() -> Flask:
    app = Flask(__name__)

    @app.get("/weather/<city>")
    def weather(city: str) -> list[str]:
        return look_up(city)

    @app.get("/stream")
    def stream() -> Response:
        def pieces() -> Iterator[str]:
            yield "first,"
            gate.wait(LONGEST_SECONDS)
            yield from look_up("Oslo")

        return Response(stream_with_context(pieces()))

    @app.get("/broken")
    def broken() -> str:
        raise ValueError("no weather today")

    @app.get("/gone")
    def gone() -> str:
        abort(404)

    @app.get("/health")
    def health() -> str:
        return "fine" if xray.current_trace() is None else "traced"

    return app


def traced(**options: Any) -> Flask:
    app = flask_app()
    app.wsgi_app = XRayWSGIMiddleware(app.wsgi_app, **options)  # type: ignore[method-assign]
    return app


def call(app: Any, **environ: Any) -> tuple[Any, list[Any]]:
    """Call as a server does; return the body as it was given, and what the application began it with."""
    setup_testing_defaults(environ)
    began: list[Any] = []

    def start_response(*args: Any) -> Callable[[bytes], None]:
        began.append(args)
        return lambda piece: began.append(piece)

    return app(environ, start_response), began


def test_a_request_is_a_step_in_a_trace_of_its_own_and_what_it_calls_lies_below(recorder: MemoryTracer) -> None:
    with served_wsgi(traced()) as url:
        assert requests.get(f"{url}/weather/Oslo?day=1&day=2&token=hidden", timeout=10).json() == ["Rain"]
    step = the_request(recorder)
    assert step.name == "GET /weather/<city>"
    assert step.inputs == {"path": "/weather/Oslo", "query": {"day": ["1", "2"], "token": "[redacted]"}}
    assert step.metadata["http"] == {
        "request": {"method": "GET"},
        "response": {"status_code": 200},
        "route": "/weather/<city>",
    }
    assert step.metadata["url"] == {"scheme": "http"}
    assert [inner.name for inner in within(recorder, step)] == ["look_up"]
    start, end = trace_events(recorder)
    assert (start["name"], end["type"]) == ("GET /weather/Oslo", "trace-success")


def test_a_context_that_came_is_passed_over_unless_the_middleware_is_told_to_trust_it(recorder: MemoryTracer) -> None:
    with xray.trace("caller") as caller:
        headers = xray.inject({})
    with served_wsgi(traced()) as url:
        requests.get(f"{url}/weather/Oslo", headers=headers, timeout=10)
    assert the_request(recorder).trace_id != caller.trace_id


def test_a_context_that_is_trusted_makes_the_request_a_step_of_the_callers_trace(recorder: MemoryTracer) -> None:
    with served_wsgi(traced(trust_incoming=True)) as url, xray.trace("caller") as caller, xray.step("ask") as ask:
        requests.get(f"{url}/weather/Oslo", headers=xray.inject({}), timeout=10)
    step = next(step for step in recorder.steps if step.name == "GET /weather/<city>")
    assert (step.trace_id, step.event["parentStepId"]) == (caller.trace_id, ask.step_id)
    assert [event["type"] for event in trace_events(recorder)] == ["trace-start", "trace-success"]


@pytest.mark.parametrize("name", ["good", "bad"])
def test_whom_to_trust_may_be_a_function_of_the_request(recorder: MemoryTracer, name: str) -> None:
    app = traced(trust_incoming=lambda environ: environ.get("HTTP_X_CALLER") == "good")
    with xray.trace("caller") as caller:
        headers = xray.inject({"X-Caller": name})
    with served_wsgi(app) as url:
        requests.get(f"{url}/weather/Oslo", headers=headers, timeout=10)
    assert (the_request(recorder).trace_id == caller.trace_id) is (name == "good")


def test_a_streaming_answer_ends_the_step_when_the_stream_ends(recorder: MemoryTracer) -> None:
    gate.clear()
    with served_wsgi(traced()) as url, requests.get(f"{url}/stream", stream=True, timeout=10) as answer:
        pieces = answer.iter_content(None)
        assert next(pieces) == b"first,"
        assert recorder.steps == []
        gate.set()
        assert b"".join(pieces) == b"Rain"
        step = the_request(recorder)
    assert step.name == "GET /stream"
    assert [inner.name for inner in within(recorder, step)] == ["look_up"]


def test_a_client_that_leaves_amid_the_stream_ends_the_step(recorder: MemoryTracer) -> None:
    body, _ = call(traced(), PATH_INFO="/stream")
    assert next(iter(body)) == b"first,"
    body.close()
    assert the_request(recorder).name == "GET /stream"
    assert xray.current_trace() is None


def test_a_body_that_is_dropped_without_being_closed_ends_the_step(recorder: MemoryTracer) -> None:
    body, _ = call(traced(), PATH_INFO="/stream")
    next(iter(body))
    del body
    assert the_request(recorder).name == "GET /stream"


def test_an_error_that_leaves_the_application_is_the_steps(recorder: MemoryTracer) -> None:
    app = traced()
    app.testing = True
    with pytest.raises(ValueError, match="no weather today"):
        call(app, PATH_INFO="/broken")
    step = the_request(recorder)
    assert (step.name, step.metadata["error"]) == ("GET /broken", "no weather today")
    assert trace_events(recorder)[-1]["type"] == "trace-failure"


def test_an_error_amid_the_body_is_the_steps_and_reaches_the_server(recorder: MemoryTracer) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"first"
        raise ValueError("torn")

    body, _ = call(XRayWSGIMiddleware(app))
    with pytest.raises(ValueError, match="torn"):
        list(body)
    body.close()
    assert the_request(recorder).metadata["error"] == "torn"


@pytest.mark.parametrize(("path", "failed"), [("/broken", True), ("/gone", False)])
def test_a_request_that_is_answered_with_a_500_has_failed_and_with_a_404_has_not(
    recorder: MemoryTracer, path: str, failed: bool
) -> None:
    app = traced()
    app.logger.disabled = True
    with served_wsgi(app) as url:
        requests.get(url + path, timeout=10)
    assert the_request(recorder).failed is failed
    assert (trace_events(recorder)[-1]["type"] == "trace-failure") is failed


@pytest.mark.parametrize("has_page", [False, True])
def test_the_error_that_flask_answers_with_a_page_is_the_steps(recorder: MemoryTracer, has_page: bool) -> None:
    app = traced()
    app.logger.disabled = True
    if has_page:
        app.register_error_handler(500, lambda error: ("sorry", 503))
    with served_wsgi(app) as url:
        assert requests.get(f"{url}/broken", timeout=10).status_code == (503 if has_page else 500)
    told = the_request(recorder).metadata
    assert (told["errorType"], told["error"]) == ("ValueError", "no weather today")
    assert "in broken" in told["stack"]


def test_an_error_that_flask_answers_well_is_none(recorder: MemoryTracer) -> None:
    app = traced()
    app.logger.disabled = True
    app.register_error_handler(500, lambda error: ("nothing is known", 200))
    with served_wsgi(app) as url:
        assert requests.get(f"{url}/broken", timeout=10).text == "nothing is known"
    assert not the_request(recorder).failed


def test_a_500_of_the_applications_own_is_a_failed_request(recorder: MemoryTracer) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("502 Bad Gateway", [])
        return [b""]

    call(XRayWSGIMiddleware(app))
    told = the_request(recorder).metadata
    assert told["errorType"].endswith("RequestFailed")
    assert told["error"] == "the request was answered with 502"


def test_requests_at_once_keep_to_their_own_traces(recorder: MemoryTracer) -> None:
    with served_wsgi(traced()) as url, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: requests.get(f"{url}/weather/{n}", timeout=10), range(40)))
    calls = [step for step in recorder.steps if step.name != "look_up"]
    assert len({step.trace_id for step in calls}) == 40
    for step in calls:
        [inner] = within(recorder, step)
        assert step.inputs["path"] == f"/weather/{inner.inputs['city']}"


def test_an_ignored_path_is_not_recorded(recorder: MemoryTracer) -> None:
    with served_wsgi(traced(ignore={"/health"})) as url:
        assert requests.get(f"{url}/health", timeout=10).text == "fine"
    assert recorder.events == []


def test_a_path_that_is_ignored_may_be_given_alone(recorder: MemoryTracer) -> None:
    app = traced(ignore="/health")
    call(app, PATH_INFO="/health")[0].close()
    assert recorder.events == []
    call(app, PATH_INFO="/")[0].close()
    assert the_request(recorder).inputs["path"] == "/"


def test_a_query_is_left_out_where_it_is_not_to_be_captured(recorder: MemoryTracer) -> None:
    with served_wsgi(traced(capture_query=False)) as url:
        requests.get(f"{url}/weather/Oslo?day=1", timeout=10)
    assert the_request(recorder).inputs == {"path": "/weather/Oslo"}


def test_where_tracing_is_off_the_application_is_called_as_it_is() -> None:
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(start_response)
        return []

    def start_response(*args: Any) -> None: ...

    former = install(NoopTracer())
    try:
        XRayWSGIMiddleware(app)({}, start_response)  # type: ignore[arg-type]
    finally:
        install(former)
    assert seen == [start_response]


@pytest.mark.parametrize("body", [[b"whole"], (b"a", b"b"), FileWrapper(io.BytesIO(b"a file"))])
def test_a_body_of_which_the_server_takes_more_than_its_pieces_is_given_as_it_is(
    recorder: MemoryTracer, body: Any
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body

    given, _ = call(XRayWSGIMiddleware(app), **{"wsgi.file_wrapper": FileWrapper})
    assert given is body
    assert the_request(recorder).metadata["http"]["response"] == {"status_code": 200}


def test_the_old_way_of_writing_and_an_answer_begun_twice_reach_the_server(recorder: MemoryTracer) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])(b"written")
        start_response("500 Oh", [], (None, None, None))
        return []

    _, began = call(XRayWSGIMiddleware(app))
    assert began == [("200 OK", []), b"written", ("500 Oh", [], (None, None, None))]
    assert the_request(recorder).failed


def test_server_and_application_find_the_protocol_kept(recorder: MemoryTracer) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"a", b"b"])

    body, _ = call(validator(XRayWSGIMiddleware(validator(app))), QUERY_STRING="")
    assert list(body) == [b"a", b"b"]
    body.close()


def test_a_path_that_is_not_ascii_is_recorded_as_it_was_written(recorder: MemoryTracer) -> None:
    with served_wsgi(traced()) as url:
        requests.get(f"{url}/weather/Tromsø", timeout=10)
    assert the_request(recorder).inputs["path"] == "/weather/Tromsø"


@pytest.mark.swallows
def test_a_function_that_fails_to_say_whom_to_trust_leaves_the_answer_as_it_is(recorder: MemoryTracer) -> None:
    with served_wsgi(traced(trust_incoming=lambda environ: environ["missing"])) as url:
        assert requests.get(f"{url}/weather/Oslo", timeout=10).json() == ["Rain"]
    assert recorder.stats().swallowed == 1


def test_the_frameworks_own_request_is_untouched(recorder: MemoryTracer) -> None:
    app = traced()

    @app.post("/echo")
    def echo() -> bytes:
        return request.get_data()

    with served_wsgi(app) as url:
        assert requests.post(f"{url}/echo", data=b"\x00" * 100_000, timeout=10).content == b"\x00" * 100_000
