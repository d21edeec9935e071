"""The real server process, as `xray-backend` starts it, and a client that speaks HTTP to it."""

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec
import requests

READY = "X-Ray server ready at "
START_SECONDS = 60
STOP_SECONDS = 30


class Address:
    """Where a server answers."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return call(method, self.base_url + path, **options)


class Server(Address):
    """One server process with its worker; `with` starts it and ends it."""

    def __init__(self, data_dir: Path, *, command: str = "up", port: int = 0, **variables: str) -> None:
        super().__init__("")
        self.data_dir = data_dir
        self.output = ""
        self._arguments = [command, "--port", str(port), "--data-dir", str(data_dir)]
        self._variables = variables
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()
        self._close()

    def start(self) -> None:
        self._process = launch(self._arguments, self._variables)
        watchdog = threading.Timer(START_SECONDS, self._process.kill)
        watchdog.start()
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output += line
            if line.startswith(READY):
                self.base_url = line.removeprefix(READY).strip()
                break
        watchdog.cancel()
        self._reader = threading.Thread(target=self._read_on, args=[self._process.stdout], daemon=True)
        self._reader.start()
        assert self.base_url, f"the server did not start: {self.output}"

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask for the end as a terminal or a supervisor does; returns the exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for an end that somebody else asked for; returns the exit status."""
        assert self._process is not None
        status = self._process.wait(STOP_SECONDS)
        self._close()
        return status

    def kill(self) -> None:
        """End parent and worker at once, with no chance to do anything; the indexer notices by itself."""
        assert self._process is not None
        for pid in [self._process.pid, *self.workers()]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)
        self._close()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[int]:
        pid = self.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def worker(self) -> int:
        """Return the process that answers; it has a child, which keeps the index."""
        (worker,) = self.workers()
        return worker

    def limit_file_size(self, limit_bytes: int) -> None:
        """Let no file of the worker grow past this, as on a disk that is full."""
        for pid in self.workers():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit_bytes, resource.RLIM_INFINITY))

    @property
    def credentials(self) -> dict[str, str]:
        found: dict[str, str] = msgspec.json.decode((self.data_dir / "credentials.json").read_bytes())
        return found

    def _read_on(self, output: IO[str]) -> None:
        """Read to the end, so that the server never waits for a full pipe."""
        for line in output:
            self.output += line

    def _close(self) -> None:
        if self._process is not None and self._process.stdout is not None and not self._process.stdout.closed:
            if self._reader is not None:
                self._reader.join(STOP_SECONDS)
            self._process.stdout.close()


@dataclass(frozen=True)
class Person:
    """Somebody with an account, a project of their own, and a key of it."""

    server: Address
    user_id: str
    email: str
    token: str
    project_id: str
    key: str
    key_id: str

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call with the token; a path without `/` at its front is inside the project."""
        if not path.startswith("/"):
            path = f"/api/v1/projects/{self.project_id}/{path}".rstrip("/")
        return self.server.call(method, path, token=self.token, **options)

    def ingest(self, *events: Mapping[str, Any]) -> requests.Response:
        return self.record("/ingest", {"events": events})

    def record(self, path: str, body: object) -> requests.Response:
        return self.server.call("POST", f"/api/v1{path}", key=self.key, json=body)

    def steps(self, condition: Mapping[str, Any]) -> list[dict[str, Any]]:
        answered = self.call("POST", "query", json={"filter": condition})
        assert answered.status_code == 200, answered.text
        found: list[dict[str, Any]] = answered.json()["results"]
        return found


def launch(arguments: list[str], variables: Mapping[str, str]) -> "subprocess.Popen[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XRAY_")}
    return subprocess.Popen(
        [sys.executable, "-c", "import sys; from xray_backend.cli import main; sys.exit(main())", *arguments],
        env={**kept, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def refused_start(arguments: list[str], **variables: str) -> tuple[int, str]:
    """Start a server that must not start; returns its exit status and what it said."""
    process = launch(arguments, variables)
    try:
        output, _ = process.communicate(timeout=START_SECONDS)
    finally:
        process.kill()
    return process.returncode, output


def call(
    method: str,
    url: str,
    *,
    token: str | None = None,
    key: str | None = None,
    json: object = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    if key is not None:
        sent["x-api-key"] = key
    if json is not None:
        body = msgspec.json.encode(json)
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    return requests.request(method, url, data=body, headers=sent, timeout=60, allow_redirects=False)


def new_person(server: Address, email: str | None = None) -> Person:
    email = email or f"{os.urandom(6).hex()}@example.org"
    account = {"email": email, "password": "correct horse", "name": "Somebody"}
    registered = server.call("POST", "/api/v1/auth/register", json=account).json()
    token = registered["token"]
    project = server.call("POST", "/api/v1/projects", token=token, json={"name": "Project"}).json()["project"]
    path = f"/api/v1/projects/{project['projectId']}/keys"
    key = server.call("POST", path, token=token, json={"name": "Key"}).json()["apiKey"]
    return Person(server, registered["user"]["id"], email, token, project["projectId"], key["key"], key["id"])


def assert_refused(answered: requests.Response, status: int) -> str:
    """Hold a refusal to the one shape that every refusal has, and return its sentence."""
    assert answered.status_code == status, f"{answered.status_code}: {answered.text}"
    assert answered.headers["Content-Type"] == "application/json"
    assert answered.headers["X-Request-Id"]
    content = answered.json()
    assert set(content) <= {"error", "details"}
    sentence = content["error"]
    assert isinstance(sentence, str)
    assert sentence
    for internal in ("Traceback", "xray_backend", "sqlite", "msgspec", "werkzeug", 'File "'):
        assert internal not in answered.text
    if status in (429, 503):
        assert int(answered.headers["Retry-After"]) >= 1
    return sentence
