"""What the crash tests share: a program's environment, the delivery after it, and what the server has then."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.backend.server import Server

ROOT = Path(__file__).parents[2]


def environment(server: Server, spool: Path, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "XRAY_API_KEY": server.credentials["apiKey"],
        "XRAY_BASE_URL": server.base_url,
        "XRAY_SPOOL_DIR": str(spool),
        "XRAY_MAX_SPOOL_BYTES": "4000000000",  # what many dead programs leave together is no reason to evict any
        "XRAY_BATCH_INTERVAL_SECONDS": "0.05",  # so that sending is often in the middle of something
        **more,
    }


TORN = "a record in the spool was damaged"


def deliver(env: dict[str, str]) -> str:
    """Send what lies in the spool, as a user would after a crash.

    A kill may strike while a record is being copied; its call had not returned, and it is told as damaged.
    """
    command = [str(Path(sys.executable).with_name("xray-trace")), "spool", "flush"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0 or TORN in done.stdout, done.stdout + done.stderr
    assert "0 still waiting" in done.stdout, done.stdout
    return done.stdout


def log_in(server: Server) -> str:
    account = {"email": server.credentials["email"], "password": server.credentials["password"]}
    return str(server.call("POST", "/api/v1/auth/login", json=account).json()["token"])


def stored_steps(server: Server, token: str, run: str, project_id: str | None = None) -> list[dict[str, Any]]:
    """Return the steps that the server has of a run."""
    path = f"/api/v1/projects/{project_id or server.credentials['projectId']}/query"
    found: list[dict[str, Any]] = []
    body: dict[str, Any] = {"filter": {"metadata.run": run}, "limit": 100}
    while True:
        answered = server.call("POST", path, json=body, token=token)
        assert answered.status_code == 200, answered.text
        answer = answered.json()
        found += answer["results"]
        if not answer["nextCursor"]:
            return found
        body["cursor"] = answer["nextCursor"]


def stored(server: Server, token: str, run: str) -> Counter[int]:
    """Return how often the server has each step of a run."""
    return Counter(step["metadata"]["index"] for step in stored_steps(server, token, run))
