"""What was acknowledged is there, and what cannot be kept is refused, whatever happens to the process or the disk."""

import os
import socket
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.backend.api.events import step
from tests.backend.background import wait_until
from tests.backend.server import Person, Server, assert_refused, new_person

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the worker's process is found and limited through /proc"
)


class Recorders:
    """Threads that record until the server is gone, and remember what was acknowledged."""

    def __init__(self, person: Person, count: int) -> None:
        self.acknowledged: list[str] = []
        self._person = person
        self._news = threading.Event()
        self._threads = [threading.Thread(target=self._record, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def wait_for_requests(self, count: int) -> None:
        for _ in range(count):
            self._news.clear()
            assert self._news.wait(30)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def _record(self, number: int) -> None:
        for request in range(10_000):
            names = [f"{number}-{request}-{part}" for part in range(5)]
            try:
                answered = self._person.ingest(*[step(name) for name in names])
            except requests.RequestException:
                return  # the server is gone
            if answered.status_code == 200:
                self.acknowledged.extend(names)
                self._news.set()


def stored(person: Person, step_ids: list[str]) -> set[str]:
    found: set[str] = set()
    for begin in range(0, len(step_ids), 50):
        found |= {result["stepId"] for result in person.steps({"stepId": {"$in": step_ids[begin : begin + 50]}})}
    return found


def test_what_was_acknowledged_is_there_after_the_server_was_killed(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        recorders = Recorders(person, 4)
        recorders.wait_for_requests(10)
        server.kill()
        recorders.join()
    with Server(tmp_path) as server:
        assert len(recorders.acknowledged) >= 50
        assert stored(replace(person, server=server), recorders.acknowledged) == set(recorders.acknowledged)


def test_clients_that_stall_do_not_keep_the_others_out(tmp_path: Path) -> None:
    with Server(tmp_path, XRAY_THREADS="2", XRAY_STALL_SECONDS="0.3") as server:
        person = new_person(server)
        address = urlsplit(server.base_url)
        head = (
            f"POST /api/v1/ingest HTTP/1.1\r\nHost: x\r\nx-api-key: {person.key}\r\nContent-Type: application/json\r\n"
        )
        with ExitStack() as stalled:
            for sent in ("GET /health HT", head, head + "Content-Length: 100\r\n\r\n{"):
                for _ in range(2):
                    client = socket.create_connection((address.hostname, address.port), timeout=60)
                    stalled.enter_context(client).sendall(sent.encode())
            assert server.call("GET", "/health").status_code == 200
            assert b"broke off" in client.recv(4096)
        assert person.ingest(step()).status_code == 200
    assert "Error" not in server.output
    assert "Traceback" not in server.output


def test_a_full_disk_is_503_and_recording_goes_on_when_there_is_room_again(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        assert person.ingest(step("before")).status_code == 200
        url = person.record("/presign", {"dataId": "d", "traceId": "t", "key": "k"}).json()["presignedUrl"]
        server.limit_file_size(1024)
        assert_refused(person.ingest(step("lost", metadata={"text": "x" * 5000})), 503)
        assert_refused(person.record("/presign", {"dataId": "e", "traceId": "t", "key": "k"}), 503)
        assert_refused(requests.put(url, data=b"x" * 5000, timeout=60), 503)
        assert person.call("GET", "/health").status_code == 200
        assert [found["stepId"] for found in person.steps({"stepName": "rank"})] == ["before"]
        server.limit_file_size(2**40)
        assert person.ingest(step("after")).status_code == 200
        assert requests.put(url, data=b"x" * 5000, timeout=60).status_code == 200
        assert {found["stepId"] for found in person.steps({})} == {"before", "after"}
        assert list((tmp_path / "blobs" / ".incoming").iterdir()) == []


def test_what_an_upload_left_behind_is_removed_at_a_later_start_and_a_fresh_one_is_not(tmp_path: Path) -> None:
    incoming = tmp_path / "blobs" / ".incoming"
    incoming.mkdir(parents=True)
    for name in ("old.part", "fresh.part"):
        (incoming / name).write_bytes(b"x")
    os.utime(incoming / "old.part", (0, 0))
    with Server(tmp_path):
        wait_until(lambda: [path.name for path in incoming.iterdir()] == ["fresh.part"])


def test_a_blob_store_that_is_away_is_named_and_is_no_reason_to_refuse_events(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        blobs = tmp_path / "blobs"
        assert server.call("GET", "/ready").status_code == 200
        blobs.rename(tmp_path / "moved")
        blobs.write_text("no directory")
        answered = server.call("GET", "/ready")
        assert "blob store" in assert_refused(answered, 503)
        assert answered.json()["details"] == {"away": ["the blob store"]}
        assert person.ingest(step()).status_code == 200
        presigned = person.record("/presign", {"dataId": "d", "traceId": "trace-1", "key": "k"}).json()["presignedUrl"]
        assert_refused(requests.put(presigned, data=b"x", timeout=60), 503)
        assert_refused(person.call("GET", "traces/trace-1/data/d"), 503)
        blobs.unlink()
        (tmp_path / "moved").rename(blobs)
        assert server.call("GET", "/ready").status_code == 200
        assert requests.put(presigned, data=b"x", timeout=60).status_code == 200


def test_a_store_that_is_away_is_503_and_never_401(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        for name in ("xray.db", "xray.db-wal", "xray.db-shm"):
            (tmp_path / name).write_bytes(b"\x00" * 100)
        for answered in (
            person.call("GET", "traces"),
            person.call("GET", "schemas"),
            person.call("GET", "keys"),
            person.call("GET", "/api/v1/auth/me"),
            person.ingest(step()),
            server.call("POST", "/api/v1/auth/login", json={"email": person.email, "password": "correct horse"}),
            server.call("GET", "/ready"),
        ):
            assert_refused(answered, 503)
        assert server.call("GET", "/health").status_code == 200
