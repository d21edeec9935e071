"""However large a value is and however many read it slowly, the server holds pieces of it only."""

import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.backend.server import Server, new_person

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the worker's memory is read from /proc")

SIZE = 3 * 1024**3
READERS = 12  # of sixteen threads
MEMORY_BYTES = 60_000_000  # a chunk and a socket's buffer for each reader, many times


def resident_bytes(server: Server) -> int:
    lines = Path(f"/proc/{server.worker()}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def test_a_value_of_gigabytes_is_read_by_many_in_bounded_memory_from_any_place(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        person = new_person(server)
        item = {"dataId": "film", "traceId": "t", "key": "k"}
        to_put = person.record("/presign", item).json()["presignedUrl"]
        assert requests.put(to_put, data=b"x", timeout=60).status_code == 200
        with open(tmp_path / "blobs" / person.project_id / "film", "r+b") as film:  # as if it had come whole
            film.truncate(SIZE)
            film.seek(SIZE - 5)
            film.write(b"ended")
        url = person.call("GET", "traces/t/data/film").json()["presignedUrl"]
        parts = urlsplit(url)
        before = resident_bytes(server)
        with ExitStack() as stack:
            for _ in range(READERS):  # each takes the first bytes, and then nothing more
                reader = stack.enter_context(socket.create_connection((parts.hostname, parts.port or 80), timeout=60))
                reader.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                assert b" 200 " in reader.recv(1000)
            last = requests.get(url, headers={"Range": "bytes=-5"}, timeout=60)
            assert (last.status_code, last.content) == (206, b"ended")
            middle = requests.get(url, headers={"Range": f"bytes={SIZE // 2}-{SIZE // 2 + 9_999_999}"}, timeout=60)
            assert len(middle.content) == 10_000_000
            assert resident_bytes(server) - before < MEMORY_BYTES
