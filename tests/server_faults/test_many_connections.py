"""However many clients come and however slow they are, memory is bounded and the others are served."""

import gzip
import socket
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.backend.api.events import step
from tests.backend.server import Person, Server, assert_refused, new_person
from tests.server_faults.dawdlers import connect, dawdlers, together
from tests.server_faults.processes import is_alive, memory_bytes, sockets, tree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are weighed through /proc")

MOST_BYTES = 300 * 1024 * 1024  # what all processes of the server may hold together
MEBIBYTE = 1024 * 1024
DOCUMENTS, DOCUMENT_BYTES = 60, 100_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("faults") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def person(server: Server) -> Person:
    found = new_person(server)
    for number in range(0, DOCUMENTS, 20):
        metadata = {"text": "x" * DOCUMENT_BYTES}
        events = [step(f"large-{number + index}", metadata=metadata) for index in range(20)]
        assert found.ingest(*events).status_code == 200
    return found


def post(path: str, credentials: str, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", credentials, *headers]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def assert_bounded(server: Server) -> None:
    held = memory_bytes(tree(server.pid))
    assert held <= MOST_BYTES, f"the server holds {held / MEBIBYTE:.0f} MiB"


def assert_served(person: Person, name: str) -> None:
    """Do what a usual client does; each call has a minute."""
    assert person.server.call("GET", "/health").status_code == 200
    assert person.ingest(step(name)).status_code == 200
    large = {"text": "x" * DOCUMENT_BYTES}  # arrives in a file where slow bodies hold the room for them in memory
    assert person.ingest(step(f"{name}-large", metadata=large)).status_code == 200
    assert [found["stepId"] for found in person.steps({"stepId": name})] == [name]
    url = person.record("/presign", {"dataId": name, "traceId": "t", "key": "k"}).json()["presignedUrl"]
    assert requests.put(url, data=b"x" * 500_000, timeout=60).status_code == 200


def test_a_thousand_slow_clients_keep_nobody_out_and_memory_stays_bounded(server: Server, person: Person) -> None:
    key, token = f"x-api-key: {person.key}", f"Authorization: Bearer {person.token}"
    question = b'{"filter":{"metadata.text":{"$exists":true}},"limit":50}'
    asked = post(f"/api/v1/projects/{person.project_id}/query", token, f"Content-Length: {len(question)}") + question
    url = person.record("/presign", {"dataId": "slow", "traceId": "t", "key": "k"}).json()["presignedUrl"]
    put = f"PUT {url.removeprefix(server.base_url)} HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\n".encode()
    family = tree(server.pid)
    with dawdlers(server) as slow:
        slow.add(200, b"", b"")
        slow.add(200, b"POST /api/v1/ingest HTTP/1.1\r\nX-Slow: ", b"x")
        slow.add(150, post("/api/v1/ingest", key, "Content-Length: 5000000") + b" " * MEBIBYTE, b" ")
        slow.add(100, post("/api/v1/ingest", key, "Transfer-Encoding: chunked") + b"1\r\n \r\n", b"1\r\n \r\n")
        slow.add(100, post("/api/v1/auth/login", "X-No: x", "Content-Length: 5000000") + b" " * 100_000, b" ")
        slow.add(100, put + b"x" * 100_000, b"x")
        slow.add(150, asked, b"", receive_bytes=4096)
        for number in range(5):
            assert_served(person, f"beside-{number}")
            assert_bounded(server)
        worker = server.worker()
        assert sockets(worker) > 500  # or the others were served because the slow were not
    assert_served(person, "after")
    assert [pid for pid in family if not is_alive(pid)] == []  # none of them was replaced, either


def test_who_sends_or_takes_next_to_nothing_is_given_up(tmp_path: Path) -> None:
    with Server(tmp_path, XRAY_STALL_SECONDS="3") as server, dawdlers(server) as slow:
        person = new_person(server)
        about = {"dataId": "d", "traceId": "trace-1", "key": "k"}
        url = person.record("/presign", about).json()["presignedUrl"]
        assert requests.put(url, data=bytes(20 * MEBIBYTE), timeout=60).status_code == 200  # no buffer takes as much
        link = person.call("GET", "traces/trace-1/data/d").json()["presignedUrl"].removeprefix(server.base_url)
        worker = server.worker()
        key = f"x-api-key: {person.key}"
        slow.add(5, b"GET /health HTTP/1.1\r\nX-Slow: ", b"x")
        slow.add(5, post("/api/v1/ingest", key, "Content-Length: 5000000"), b" ")
        slow.add(5, post("/api/v1/ingest", key, "Transfer-Encoding: chunked"), b"1\r\n \r\n")
        slow.add(5, f"GET {link} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), b"", receive_bytes=4096)
        assert_served(person, "behind")  # so the others, who came before, were let in
        slow.wait_until(lambda: sockets(worker) == 1)  # the one that listens


def test_a_gzip_bomb_is_stopped_at_the_limit(server: Server, person: Person) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(MEBIBYTE)) for _ in range(1024)) + packer.flush()
    twice = gzip.compress(bomb)
    headers = {"Content-Encoding": "gzip", "x-api-key": person.key, "Content-Type": "application/json"}

    def explode(number: int) -> None:
        body = bomb if number % 2 else twice
        answered = server.call("POST", "/api/v1/ingest", body=body, headers=headers)
        assert answered.status_code in (400, 413)  # what is packed twice is no JSON
        assert_bounded(server)

    together(32, explode)
    assert_served(person, "after-bombs")


def test_batches_as_large_as_they_may_be_all_at_once_stay_within_bounds(server: Server, person: Person) -> None:
    many = {f"field{n}": n for n in range(300)}

    def record(number: int) -> None:
        events = [step(f"whole-{number}-{index}", metadata=many) for index in range(1000)]
        while (answered := person.ingest(*events)).status_code != 200:
            assert_refused(answered, 503)  # there was no room in time; whoever repeats it has its turn
        assert_bounded(server)

    together(16, record)


def test_pages_of_the_largest_documents_read_by_many_at_once_stay_within_bounds(server: Server) -> None:
    person = new_person(server)
    count = 100
    for number in range(0, count, 20):
        metadata = {"text": "x" * 240_000}
        events = [step(f"huge-{number + index}", "huge", metadata=metadata) for index in range(20)]
        assert person.ingest(*events).status_code == 200

    def read_all(number: int) -> None:
        seen: list[str] = []
        cursor: str | None = None
        while cursor is not None or not seen:
            if number % 2:
                more = {} if cursor is None else {"cursor": cursor}
                page = person.call("POST", "query", json={"filter": {}, "limit": 100} | more).json()
            else:
                page = person.call("GET", "traces/huge" + ("" if cursor is None else f"?cursor={cursor}")).json()
            assert_bounded(server)
            seen += [found["stepId"] for found in page.get("results", page.get("steps"))]
            cursor = page["nextCursor"]
        assert sorted(seen) == sorted(f"huge-{index}" for index in range(count))

    together(12, read_all)


@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", "Content-Length: 9000000000000"])
def test_a_body_that_never_ends_is_refused_and_cut_off(server: Server, person: Person, framing: str) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n" if "chunked" in framing else b" " * 65536
    with connect(server) as client:
        client.sendall(post("/api/v1/ingest", f"x-api-key: {person.key}", framing))
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            client.sendall(chunk * 3000)
    assert_bounded(server)


def test_requests_that_come_without_waiting_for_an_answer_are_answered_in_order(server: Server, person: Person) -> None:
    count = 50
    requested = b""
    for number in range(count):
        body = requests.models.complexjson.dumps({"events": [step(f"piped-{number}")]}).encode()
        requested += post("/api/v1/ingest", f"x-api-key: {person.key}", f"Content-Length: {len(body)}",
                          f"X-Request-Id: piped-{number}") + body  # fmt: skip
    with connect(server) as client:
        client.sendall(requested)
        answers = b""
        while answers.count(b"X-Request-Id: piped-") < count or not answers.endswith(b"}"):
            answers += client.recv(65536)
    order = [answers.index(b"X-Request-Id: piped-%d\r\n" % number) for number in range(count)]
    assert order == sorted(order)
    assert answers.count(b"HTTP/1.1 200 ") == count


def test_who_has_said_all_still_hears_the_answer(server: Server, person: Person) -> None:
    body = b'{"events":[{"type":"trace-start","traceId":"half","createdAt":1}]}'
    with connect(server) as client:
        client.sendall(post("/api/v1/ingest", f"x-api-key: {person.key}", f"Content-Length: {len(body)}") + body)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_clients_that_vanish_at_any_moment_leave_nothing_behind(server: Server, person: Person) -> None:
    token = f"Authorization: Bearer {person.token}"
    question = b'{"filter":{"metadata.text":{"$exists":true}},"limit":50}'
    asked = post(f"/api/v1/projects/{person.project_id}/query", token, f"Content-Length: {len(question)}") + question
    for end in range(0, len(asked) + 1, 7):
        with connect(server) as client:
            client.sendall(asked[:end])
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes with a reset
    assert_served(person, "after-vanishing")
    assert_bounded(server)


def test_many_who_log_in_at_once_stay_within_bounds(tmp_path: Path) -> None:
    with Server(tmp_path, XRAY_LOGIN_RATE_PER_ADDRESS="100000/minute") as server:
        assert_refused(server.call("GET", "/api/v1/auth/me"), 401)

        def guess(number: int) -> None:
            account = {"email": f"nobody-{number}@example.org", "password": "correct horse"}
            while (answered := server.call("POST", "/api/v1/auth/login", json=account)).status_code != 401:
                assert_refused(answered, 503)  # its turn did not come in time; whoever repeats it has one
            assert_bounded(server)

        together(24, guess)


def test_slow_clients_do_not_keep_the_server_from_stopping(tmp_path: Path) -> None:
    with Server(tmp_path) as server, dawdlers(server) as slow:
        person = new_person(server)
        slow.add(50, b"GET /health HTTP/1.1\r\nX-Slow: ", b"x")
        slow.add(50, post("/api/v1/ingest", f"x-api-key: {person.key}", "Content-Length: 5000000"), b" ")
        assert person.ingest(step()).status_code == 200
        family = tree(server.pid)
        assert server.stop() == 0
        assert not any(map(is_alive, family))
