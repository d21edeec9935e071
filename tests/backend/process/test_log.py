"""What a real server writes into its log, and what it never does."""

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.backend.api.events import step
from tests.backend.server import Server, new_person

WHOSE = "somebody-to-hide@example.org"


def lines(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.output.splitlines() if line.startswith("{")]


def requests_of(server: Server) -> list[dict[str, Any]]:
    return [line for line in lines(server) if line["message"] == "request"]


def test_each_request_is_one_line_with_what_it_was_and_what_it_cost(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        body = json.dumps({"events": [step()]}).encode()
        answered = server.call("POST", "/api/v1/ingest", key=person.key, body=body, headers={"X-Request-Id": "mine"})
        person.call("GET", "traces/nobody-knows-this")
        server.call("GET", "/nothing/here")
        server.stop()
    by_route = {(line["method"], line["route"]): line for line in requests_of(server)}
    ingested = by_route["POST", "/api/v1/ingest"]
    assert ingested.pop("durationMs") > 0
    assert ingested.pop("time").endswith("Z")
    assert ingested == {
        "level": "info",
        "logger": "xray_backend.requests",
        "message": "request",
        "requestId": "mine",
        "method": "POST",
        "route": "/api/v1/ingest",
        "status": 200,
        "project": person.project_id,
        "remoteAddress": "127.0.0.1",
        "bytesIn": len(body),
        "bytesOut": len(answered.content),
    }
    missed = by_route["GET", "/api/v1/projects/<project_id>/traces/<trace_id>"]
    assert (missed["status"], missed["project"]) == (404, person.project_id)
    assert by_route["GET", "none"]["project"] is None


def test_no_secret_gets_into_the_log_wherever_it_was_sent(tmp_path: Path) -> None:
    with Server(tmp_path, XRAY_CORS_ORIGINS="*") as server:
        person = new_person(server, WHOSE)
        url = person.record("/presign", {"dataId": "d", "traceId": "t", "key": "k"}).json()["presignedUrl"]
        path = url.removeprefix(server.base_url)
        server.call("PUT", path, body=b"hidden-body", headers={"Content-Type": "text/plain"})
        server.call("PUT", path + "0", body=b"hidden-body")
        server.call("GET", f"/api/v1/projects/{person.token}/traces?token={person.token}", token="hidden-token")
        server.call("GET", f"/{person.key}?key={person.key}", key=person.key + "x")
        server.call("POST", "/api/v1/ingest", key=person.key, body=b'{"events": [{"hidden-body": ')
        server.call("POST", "/api/v1/auth/login", json={"email": WHOSE, "password": "hidden-password"})
        server.call("POST", "/api/v1/auth/login", body=b"hidden-body", headers={"X-Request-Id": "hidden key!"})
        server.call("BREW-HIDDEN", "/health", headers={"Cookie": "hidden-cookie", "X-Forwarded-For": "hidden-hop"})
        with socket.create_connection((urlsplit(server.base_url).hostname, urlsplit(server.base_url).port)) as raw:
            raw.sendall(b"GET /hidden-path HTTP/9\r\nAuthorization: hidden-header\r\n\r\n")
            assert raw.recv(1000)
        server.stop()
    assert [line["status"] for line in requests_of(server) if "method" not in line] == [400]
    logged = "\n".join(line for line in server.output.splitlines() if line.startswith("{"))
    signature = urlsplit(url).query
    assert len(requests_of(server)) >= 10
    for secret in (person.token, person.key, WHOSE, "correct horse", signature, "hidden", "HIDDEN"):
        assert secret not in logged


def test_all_that_is_logged_is_json_and_goes_where_the_setting_says(tmp_path: Path) -> None:
    with Server(tmp_path, XRAY_LOG="none") as server:
        assert server.call("GET", "/health").status_code == 200
        server.stop()
    assert lines(server) == []
    with Server(tmp_path, XRAY_LOG="stdout") as server:
        before = server.output
        for worker in server.workers():
            os.kill(worker, signal.SIGKILL)
        assert server.call("GET", "/health").status_code == 200  # by the worker that takes its place
        server.stop()
    told = server.output[len(before) :].splitlines()
    assert any("gunicorn" in line for line in told)
    assert all(json.loads(line)["level"] for line in told)
