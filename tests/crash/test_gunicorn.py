"""Under gunicorn nothing is lost, doubled or hanging: workers are killed, recycled and stopped while they record."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.backend.server import Server
from tests.crash.audit import Audit
from tests.crash.delivery import ROOT, deliver, environment
from tests.servers.process import free_port

REQUESTS, CLIENTS = 80, 3
KILLED_AT = 30  # requests of the first client: then the worker that answered last is killed
OPTIONS = ["--workers", "2", "--max-requests", "50", "--max-requests-jitter", "20", "--graceful-timeout", "20"]
START_SECONDS = 30.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("data")) as server:
        yield server


@contextmanager
def gunicorn(env: dict[str, str], log: Path, *options: str) -> Iterator[str]:
    """Run it for the block, then stop it as a supervisor does; it must end well and in time."""
    port = free_port()
    bind = ["--bind", f"127.0.0.1:{port}", "--error-logfile", str(log), "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *OPTIONS, *bind, *options, "tests.crash.web_app:app"]
    with subprocess.Popen(command, env=env, cwd=ROOT, stderr=subprocess.PIPE) as master:
        try:
            yield f"http://127.0.0.1:{port}/"
            master.send_signal(signal.SIGTERM)
            assert master.wait(40) == 0
        finally:
            master.kill()


def answered(url: str) -> str | None:
    """Return what was answered; None where the worker was killed meanwhile, or is not there yet."""
    try:
        answer = requests.get(url, timeout=30)
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        return None
    assert answer.status_code == 200
    return answer.text


def ask(url: str, labels: list[str], returned: set[str], kill_at: int | None) -> None:
    """Ask for each label until it is answered, in a step that each answer tells of; kill who answered one of them."""
    for number, label in enumerate(labels):
        deadline = time.monotonic() + START_SECONDS
        for attempt in itertools.count():
            asked = f"{label}/{attempt}"
            if (answer := answered(url + asked)) is not None:
                break
            assert time.monotonic() < deadline, "nobody answers"
        worker = int(answer.split()[0])
        returned |= {asked, f"{label.split('/')[0]}/imported/{worker}"}
        if number == kill_at:
            os.kill(worker, signal.SIGKILL)


def ask_at_once(url: str, run: str) -> set[str]:
    returned: set[str] = set()
    asking = []
    for client in range(CLIENTS):
        labels = [f"{run}/{client}/{number}" for number in range(REQUESTS)]
        asking.append(threading.Thread(target=ask, args=(url, labels, returned, KILLED_AT if client == 0 else None)))
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert sum("/imported/" not in label for label in returned) == CLIENTS * REQUESTS
    return returned


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["alone", "preload"])
@pytest.mark.parametrize("worker", [["sync"], ["gthread", "--threads", "3"], ["gevent"]], ids=lambda worker: worker[0])
def test_every_answered_request_is_at_the_server_once(
    server: Server, tmp_path: Path, worker: list[str], preload: list[str]
) -> None:
    run = f"{worker[0]}{len(preload)}"
    env = environment(server, tmp_path / "spool", RUN=run)
    with gunicorn(env, tmp_path / "log", "--worker-class", *worker, *preload) as url:
        returned = ask_at_once(url, run)
    deliver(env)
    audit = Audit(server)
    imported = {label for label in audit.labels(run) if "/imported/" in label}
    if preload:  # in the master, which answers nobody
        assert len(imported) == 1
        returned = {label for label in returned if "/imported/" not in label}
    assert audit.miscounted(run, returned | imported, in_flight=CLIENTS) == []
