"""What whoever runs the server asks, and what every answer carries."""

import re
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from werkzeug.routing import Map

from tests.backend.api.conftest import UI_ORIGIN
from tests.backend.api.events import data, step, step_error, trace_start, trace_success
from tests.backend.server import Person, Server, assert_refused
from xray_backend.app import create_app
from xray_backend.config import load_config, located


def test_a_server_that_runs_is_alive_and_ready(server: Server) -> None:
    alive = server.call("GET", "/health")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert server.call("GET", "/ready").status_code == 200


def metric(server: Server, line: str) -> float:
    found = re.search(rf"^{re.escape(line)} (\S+)$", server.call("GET", "/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_metrics_count_what_was_taken_and_what_was_refused(server: Server, person: Person) -> None:
    accepted = 'xray_ingest_events_total{outcome="accepted"}'
    rejected = 'xray_ingest_rejected_total{reason="event invalid"}'
    requests_line = 'xray_request_duration_seconds_count{method="POST",route="/api/v1/ingest",status="200"}'
    before = [metric(server, line) for line in (accepted, rejected, requests_line)]
    person.ingest(step("counted"), step(".."), step("counted-too"))
    after = [metric(server, line) for line in (accepted, rejected, requests_line)]
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 1, 1]


def test_metrics_tell_why_events_were_refused_also_where_all_of_a_request_were(server: Server, person: Person) -> None:
    kinds = ("event invalid", "event too large", "event unreadable", "request invalid", "request too large")
    lines = [f'xray_ingest_rejected_total{{reason="{kind}"}}' for kind in kinds]
    before = [metric(server, line) for line in lines]
    invalid, long = step(".."), step("long", metadata={"text": "x" * 300_000})
    assert person.ingest(step("right"), invalid, long, invalid).status_code == 200
    assert person.ingest(invalid, long, invalid).status_code == 400
    unreadable = b'{"events":[{"type":"trace-start","traceId":"t","traceId":"t","createdAt":1}]}'
    assert server.call("POST", "/api/v1/ingest", key=person.key, body=unreadable).status_code == 400
    assert person.record("/ingest", {"events": 5}).status_code == 400
    assert person.record("/ingest", {"events": [1] * 1001}).status_code == 413
    after = [metric(server, line) for line in lines]
    assert [now - then for now, then in zip(after, before, strict=True)] == [4, 2, 1, 1, 1]


def test_metrics_count_what_was_there_already(server: Server, somebody: Person) -> None:
    new, repeated = 'xray_store_documents_total{outcome="new"}', 'xray_store_documents_total{outcome="repeated"}'
    before = metric(server, new), metric(server, repeated)
    for _ in range(2):
        assert somebody.ingest(step(), data(), trace_start()).status_code == 200
    assert (metric(server, new), metric(server, repeated)) == (before[0] + 2, before[1] + 2)


def test_metrics_show_what_programs_say_that_they_lost_once_however_often_they_say_it(
    server: Server, person: Person
) -> None:
    line = 'xray_sdk_dropped_items_total{reason="the spool was full"}'
    said = '{"process":"%s","dropped":{"the spool was full":%d}}'
    events = {"events": [step()]}

    def send(header: str, body: object = events, key: str = person.key) -> tuple[int, float]:
        answered = server.call("POST", "/api/v1/ingest", key=key, json=body, headers={"x-xray-stats": header})
        return answered.status_code, metric(server, line)

    before = metric(server, line)
    assert send(said % ("ab" * 16, 3)) == (200, before + 3)
    assert send(said % ("ab" * 16, 3)) == (200, before + 3)
    assert send(said % ("ab" * 16, 5), {"events": []}) == (400, before + 5)
    assert send(said % ("cd" * 16, 2)) == (200, before + 7)
    for malformed in ("", "{", "x" * 5000, said % ("none", 1), "\xe9", said % ("ef" * 16, -1)):
        assert send(malformed) == (200, before + 7)
    assert send(said % ("12" * 16, 1), key="xray_sk_" + "A" * 32) == (401, before + 7)


def test_metrics_name_routes_and_never_what_clients_sent(server: Server, person: Person) -> None:
    person.call("GET", "traces/a-trace-that-nobody-knows")
    server.call("BREW", "/a-path-that-nobody-knows")
    shown = server.call("GET", "/metrics").text
    assert "nobody-knows" not in shown
    assert "BREW" not in shown
    assert person.project_id not in shown


@pytest.mark.parametrize("given", ["abc", "A-1_2.3:4", "9" * 128])
def test_a_sane_request_id_is_kept(server: Server, given: str) -> None:
    assert server.call("GET", "/health", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "<script>", "a\tb", "-", "ä".encode().decode("latin1")])
def test_another_request_id_is_replaced(server: Server, given: str) -> None:
    shown = server.call("GET", "/health", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert re.fullmatch(r"[0-9a-f]{16}", shown)


@pytest.mark.parametrize(
    "path", ["/", "/api/v1", "/api/v2/ingest", "/nothing", "/docs/index.html", "/docs/..%2f__init__.py", "/%00"]
)
def test_an_unknown_address_is_refused_in_the_one_shape(server: Server, path: str) -> None:
    assert_refused(server.call("GET", path), 404)


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/v1/ingest"), ("PUT", "/health"), ("BREW", "/health")])
def test_another_method_is_refused_and_the_right_ones_are_named(server: Server, method: str, path: str) -> None:
    answered = server.call(method, path)
    assert_refused(answered, 405)
    assert answered.headers["Allow"]


def exchange(server: Server, request: bytes) -> tuple[bytes, bytes]:
    """Send bytes that no client library would, and return the answer's head and body."""
    parts = urlsplit(server.base_url)
    answer = b""
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=30) as wire:
        wire.sendall(request)
        wire.shutdown(socket.SHUT_WR)
        while chunk := wire.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /health HTTP/9.9\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nno header\r\n\r\n", 400),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /health HTTP/1.1\r\nX: " + b"x" * 10_000 + b"\r\n\r\n", 431),
        (b"GET /health HTTP/1.1\r\n" + b"X: x\r\n" * 200 + b"\r\n", 431),
    ],
    ids=["no request", "no version", "no header", "long address", "long header", "many headers"],
)
def test_what_is_no_http_is_refused_in_the_one_shape(server: Server, request_bytes: bytes, status: int) -> None:
    head, body = exchange(server, request_bytes)
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"X-Request-Id: " in head
    assert re.fullmatch(rb'\{"error":"[^"]+\."\}', body)


@pytest.mark.parametrize("chunk", [b"zz\r\nx\r\n0\r\n\r\n", b"5\r\nab", b"-1\r\n", b"5\r\nhelloXX0\r\n\r\n"])
def test_a_body_with_broken_chunks_is_refused(server: Server, person: Person, chunk: bytes) -> None:
    head, body = exchange(
        server,
        b"POST /api/v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nx-api-key: "
        + person.key.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
    )  # fmt: skip
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b'{"error":"' in body


def test_a_body_that_breaks_off_is_refused_also_where_its_beginning_is_a_whole(server: Server, person: Person) -> None:
    whole = b'{"events":[{"type":"trace-start","traceId":"cut","createdAt":1}]}'
    head, body = exchange(
        server,
        b"POST /api/v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nx-api-key: "
        + person.key.encode() + b"\r\nContent-Length: 500\r\n\r\n" + whole,
    )  # fmt: skip
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"broke off" in body
    assert_refused(person.call("GET", "traces/cut"), 404)


def test_a_refusal_is_heard_also_by_who_is_still_sending(server: Server) -> None:
    body = b" " * 4_000_000
    assert_refused(server.call("POST", "/api/v1/ingest", body=body, key="xray_sk_" + "A" * 32), 401)
    assert_refused(server.call("POST", "/api/v1/auth/me", body=body), 405)
    assert_refused(server.call("POST", "/nothing", body=body), 404)


def test_pages_of_the_named_origin_may_call_and_others_may_not(server: Server) -> None:
    asked = {"Origin": UI_ORIGIN, "Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "authorization,content-type"
    preflight = server.call("OPTIONS", "/api/v1/projects", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == UI_ORIGIN
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert {"authorization", "content-type", "x-api-key"} <= {
        name.strip().lower() for name in preflight.headers["Access-Control-Allow-Headers"].split(",")
    }
    refused = server.call("GET", "/api/v1/projects", headers={"Origin": UI_ORIGIN})
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == UI_ORIGIN
    assert "X-Request-Id" in refused.headers["Access-Control-Expose-Headers"]
    for origin in ("https://evil.example.org", "https://ui.example.org.evil.org", "null", "http://ui.example.org"):
        answered = server.call("GET", "/health", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in answered.headers
        assert "Origin" in answered.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in preflight.headers


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    answered = server.call("GET", "/openapi.json")
    assert answered.status_code == 200
    found: dict[str, Any] = answered.json()
    return found


def test_the_openapi_document_is_valid(document: dict[str, Any], server: Server) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": server.base_url}]


def test_the_openapi_document_describes_every_route_and_how_each_is_refused(
    document: dict[str, Any], tmp_path: Any
) -> None:
    config = located(load_config({"data_dir": str(tmp_path)}, {"XRAY_JWT_SECRET": "s" * 32}), 3000)
    routes: Map = create_app(config).url_map
    of_routes = {
        (re.sub(r"\W", "", rule.rule.replace("_", "")).lower(), method.lower())
        for rule in routes.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {
        (re.sub(r"\W", "", path).lower(), method) for path, methods in document["paths"].items() for method in methods
    }
    assert described == of_routes
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"].endswith(".")
            statuses = set(operation["responses"])
            if operation["security"]:
                assert {"401", "503"} <= statuses
            if "requestBody" in operation:
                assert {"400", "413"} <= statuses


def test_answers_have_the_shapes_that_the_openapi_document_gives_them(
    document: dict[str, Any], somebody: Person
) -> None:
    named = [{"dataId": "d", "type": "input", "key": "k"}, {"dataId": "none"}]
    full = step("full", artifacts=named, parentStepId="p", durationMs=1, inputs={"a": {"type": "int"}}, output={})
    events = [trace_start("bare"), trace_success(), full, step(pending=True), step_error("e", stepName=None), data("d")]
    assert somebody.ingest(*events).json() == {"success": True}
    project = "/api/v1/projects/{projectId}"
    for method, path, body in (
        ("get", "", None),
        ("get", "/keys", None),
        ("get", "/traces", None),
        ("get", "/traces/{traceId}", None),
        ("get", "/traces/{traceId}/data/{dataId}", None),
        ("post", "/query", {"filter": {}}),
        ("post", "/traces/query", {"filter": {}, "limit": 1}),
        ("get", "/schemas", None),
    ):
        answered = somebody.call(method, path.format(traceId="trace-1", dataId="d").lstrip("/"), json=body)
        responses = document["paths"][project + path][method]["responses"]
        schema = responses[str(answered.status_code)]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(answered.json())


def test_the_documentation_page_loads_everything_from_this_server(server: Server) -> None:
    page = server.call("GET", "/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "http" not in policy
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) == 4
    for address in loaded:
        assert "//" not in address
        part = server.call("GET", f"/{address}")
        assert part.status_code == 200
        assert part.headers["X-Content-Type-Options"] == "nosniff"
    start = server.call("GET", "/docs/start.js").text
    assert "openapi.json" in start
    assert "//" not in start


def test_the_documentation_page_is_found_with_a_slash_behind_it_too(server: Server) -> None:
    found = requests.get(f"{server.base_url}/docs/", timeout=30)
    assert (found.status_code, found.url) == (200, f"{server.base_url}/docs")


def test_one_connection_serves_many_requests(server: Server) -> None:
    with requests.Session() as session:
        for _ in range(3):
            assert session.get(f"{server.base_url}/health", timeout=30).headers["Connection"] == "keep-alive"
