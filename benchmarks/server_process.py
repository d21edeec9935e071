"""A real server for a benchmark: `xray-backend up` on a free port."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from processor_time import cpu_seconds, with_children

__all__ = ["RunningServer", "running_server"]

START_TIMEOUT_SECONDS = 60  # it takes two or three; a busy machine deserves patience


@dataclass(frozen=True)
class RunningServer:
    """Where the server is, and what it takes to use it."""

    base_url: str
    project_id: str
    api_key: str
    token: str
    data_dir: Path
    process_id: int

    def cpu_seconds(self) -> dict[str, float]:
        """Return the processor time that the server's processes have used, by what they do."""
        spent: dict[str, float] = {}
        for process_id in with_children(self.process_id):
            command = Path(f"/proc/{process_id}/cmdline").read_bytes()
            name = "index" if b"index.process" in command else "server"
            spent[name] = spent.get(name, 0) + cpu_seconds(process_id)
        return spent


@contextmanager
def running_server(data_dir: Path) -> Iterator[RunningServer]:
    """Run the server; its log stays beside the data directory."""
    log = data_dir.with_suffix(".log")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XRAY_")}
    command = [sys.executable, "-c", "import sys; from xray_backend.cli import main; sys.exit(main())"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "up", "--port", "0", "--data-dir", str(data_dir)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        _wait_until_ready(process, log)
        found = json.loads((data_dir / "credentials.json").read_text())
        token = _log_in(found["baseUrl"], found["email"], found["password"])
        yield RunningServer(found["baseUrl"], found["projectId"], found["apiKey"], token, data_dir, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while "ready at" not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the server did not start:\n{log.read_text()}")
        time.sleep(0.05)  # between two looks at the log


def _log_in(url: str, email: str, password: str) -> str:
    body = json.dumps({"email": email, "password": password}).encode()
    request = Request(f"{url}/api/v1/auth/login", body, {"content-type": "application/json"})
    with urlopen(request) as answer:
        token: str = json.load(answer)["token"]
    return token
