"""A value of 40 MB reaches the real server whole, part by part, whoever of the two is killed on the way."""

import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.backend.server import Server
from tests.crash.delivery import deliver, environment, log_in
from tests.crash.relay import Relay
from tests.trace.export.bench import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the server's worker is found through /proc")

VALUE = hashlib.shake_128(b"a large value").digest(40_000_000)
PROGRAM = """
import hashlib, time
import xray_trace as xray
with xray.trace("large"):
    xray.artifact(hashlib.shake_128(b"a large value").digest(40_000_000), "value")
while xray.flush(120).pending:  # a flush ends when the server is found away
    time.sleep(0.2)
"""
PARTS_BEFORE = 2  # of five


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def relay(port: int) -> Iterator[Relay]:
    relay = Relay(port)
    yield relay
    relay.close()


def started(server: Server, relay: Relay, spool: Path) -> tuple["subprocess.Popen[bytes]", dict[str, str]]:
    env = environment(server, spool, XRAY_BASE_URL=relay.url)
    return subprocess.Popen([sys.executable, "-c", PROGRAM], env=env), env


def assert_arrived(server: Server, relay: Relay, port: int) -> None:
    """Each part once, and the whole as it was."""
    server.base_url = f"http://127.0.0.1:{port}"  # not the public one, which is the relay's
    assert Counter(relay.arrived) == Counter(range(1, len(relay.arrived) + 1))
    upload_ids = {item["uploadId"] for item in relay.announced if "uploadId" in item}
    assert len(upload_ids) == 1  # the one upload was gone on with
    names = relay.announced[0]
    path = f"/api/v1/projects/{server.credentials['projectId']}/traces/{names['traceId']}/data/{names['dataId']}"
    link = server.call("GET", path, token=log_in(server)).json()
    assert link["uploaded"] is True
    url = link["presignedUrl"].replace(relay.url, server.base_url)
    assert requests.get(url, timeout=60).content == VALUE


class Third:
    """Lets two parts through, and does with each part that comes after them as it is told."""

    def __init__(self, relay: Relay, action: Callable[[], None]) -> None:
        self._relay = relay
        self._action = action
        self._lock = threading.Lock()
        self._came = 0

    def __call__(self) -> None:
        with self._lock:
            self._came += 1
            if self._came <= PARTS_BEFORE:
                return
        wait_until(lambda: len(self._relay.arrived) >= PARTS_BEFORE)
        self._action()


def test_an_upload_goes_on_when_the_server_is_killed_and_comes_back(tmp_path: Path, port: int, relay: Relay) -> None:
    server = Server(tmp_path / "server", port=port, XRAY_PUBLIC_BASE_URL=relay.url)
    down = threading.Lock()
    restarts: list[int] = []

    def kill_once() -> None:
        with down:
            if not restarts:
                server.kill()
                restarts.append(len(relay.arrived))
                server.start()
                raise ConnectionError("the server was killed under this part")

    with server:
        relay.before_part = Third(relay, kill_once)
        program, _ = started(server, relay, tmp_path / "spool")
        assert program.wait(150) == 0
        assert len(restarts) == 1
        assert_arrived(server, relay, port)


def test_the_next_program_goes_on_by_part_when_one_is_killed(tmp_path: Path, port: int, relay: Relay) -> None:
    held = threading.Event()
    gate = threading.Event()

    def hold() -> None:
        held.set()
        gate.wait(60)
        raise ConnectionError("the program that sent this was killed")

    with Server(tmp_path / "server", port=port, XRAY_PUBLIC_BASE_URL=relay.url) as server:
        relay.before_part = Third(relay, hold)
        program, env = started(server, relay, tmp_path / "spool")
        assert held.wait(60)
        program.kill()
        program.wait(30)
        gate.set()
        assert len(relay.arrived) == PARTS_BEFORE
        relay.before_part = lambda: None
        deliver(env)
        assert_arrived(server, relay, port)
    assert not [name for name in os.listdir(tmp_path / "spool" / "data") if name.endswith(".data.bin")]
