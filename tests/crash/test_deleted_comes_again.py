"""A program's spool that reaches the server after its trace was deleted there: the SDK is done with it, and nothing
of it is stored."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.backend.server import Server
from tests.crash.delivery import deliver, environment, log_in
from tests.servers.process import free_port

PROGRAM = """
import hashlib
import xray_trace as xray

@xray.step
def rank(small, large):
    return hashlib.shake_128(b"small").digest(20_000)

with xray.trace("doomed"):
    rank(hashlib.shake_128(b"one put").digest(1_000_000), hashlib.shake_128(b"in parts").digest(12_000_000))
"""


def read(server: Server, path: str) -> Any:
    answered = server.call("GET", f"/api/v1/projects/{server.credentials['projectId']}/{path}", token=log_in(server))
    assert answered.status_code == 200, answered.text
    return answered.json()


def waiting(spool: Path) -> list[str]:
    return [path.name for path in spool.rglob("*") if path.name.endswith((".data.bin", ".events.json"))]


def test_a_spool_of_a_deleted_trace_is_taken_to_its_end_and_changes_nothing(tmp_path: Path) -> None:
    port = free_port()
    first, second = tmp_path / "first", tmp_path / "second"
    with Server(tmp_path / "server", port=port) as server:
        server.stop()
        env = environment(server, first)
        assert subprocess.run([sys.executable, "-c", PROGRAM], env=env, timeout=60, check=False).returncode == 0
        shutil.copytree(first, second)
        assert len(waiting(second)) >= 4
    with Server(tmp_path / "server", port=port) as server:
        deliver(env)
        (trace,) = read(server, "traces")["traces"]
        blobs = tmp_path / "server" / "blobs" / server.credentials["projectId"]
        assert len(list(blobs.iterdir())) == 3
        path = f"/api/v1/projects/{server.credentials['projectId']}/traces/{trace['traceId']}"
        assert server.call("DELETE", path, token=log_in(server)).status_code == 200
        delivered = deliver(env | {"XRAY_SPOOL_DIR": str(second)})
        assert waiting(second) == []
        assert "0 still waiting, 0 lost" in delivered, delivered
        assert read(server, "traces")["traces"] == []
        assert server.call("GET", path, token=log_in(server)).status_code == 404
        assert list(blobs.iterdir()) == []
        assert not list((tmp_path / "server" / "blobs" / ".uploads").glob("*/bytes"))
