"""A broker, a server, and this process as the one that publishes; workers are started by the tests' modules."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import xray_celery

import xray_trace as xray
from examples.reader import Reader
from tests.backend.server import Server
from tests.celery import pipeline
from tests.celery.worker import CeleryProcess
from tests.crash.delivery import environment
from tests.servers.redis import Redis
from xray_trace.default import install
from xray_trace.tracer import NoopTracer

WAIT_SECONDS = 60.0  # a process that died is noticed within 30; the rest takes a second on a machine at rest
LOOK_SECONDS = 0.1

Step = dict[str, Any]


@dataclass
class Place:
    """Where all takes place."""

    server: Server
    redis: Redis
    folder: Path
    reader: Reader
    variables: dict[str, str] = field(default_factory=dict)

    def worker(self, name: str, *arguments: str, **more: str) -> CeleryProcess:
        """Return a worker that is not started."""
        node = ("-n", f"{name}@test", "--without-mingle", "--without-gossip")
        return CeleryProcess(self.folder / name, {**self.variables, **more}, "worker", *node, *arguments)

    def wait(self, found: Callable[[], Any]) -> Any:
        """Return what was found, or at the deadline nothing."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (value := found()) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        return value

    def steps(self, condition: Mapping[str, object], count: int) -> list[Step]:
        """Wait until the server has so many steps that have ended, and see that they are no more, by number."""

        def ended() -> list[Step]:
            return [step for step in self.reader.steps_where(condition) if not step.get("pending")]

        self.wait(lambda: len(ended()) >= count)
        found = ended()
        assert len(found) == count, [(step["stepName"], step["type"], step["metadata"]) for step in found]
        return sorted(found, key=lambda step: (step["stepNumber"], step["timestamp"]))

    def adopt(self) -> None:
        """Have what a dead process left told now, and not within half a minute by one that lives."""
        command = [str(Path(sys.executable).with_name("xray-trace")), "spool", "flush"]
        subprocess.run(command, env={**os.environ, **self.variables}, capture_output=True, timeout=60)

    def run_of(self, task_id: str) -> Step:
        """Return the one run of a task."""
        condition = {"metadata.celery.task_id": task_id, "metadata.celery.operation": "run"}
        [run] = self.steps(condition, 1)
        return run

    def publish_of(self, task_id: str) -> Step:
        """Return the step of a task's publishing."""
        condition = {"metadata.celery.task_id": task_id, "metadata.celery.operation": "publish"}
        [publish] = self.steps(condition, 1)
        return publish

    def status(self, trace_id: str, expected: str) -> dict[str, Any]:
        """Wait until the trace has this status."""
        condition = {"traceId": trace_id, "status": expected}
        found = self.wait(lambda: self.reader.traces_where(condition))
        assert found, self.reader.traces_where({"traceId": trace_id})
        return dict(found[0])


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """One for all modules: the app in this process keeps its connections."""
    with Redis() as redis:
        pipeline.app.conf.update(broker_url=redis.url, result_backend=redis.url)
        yield redis
        # results that live on, as in the traceback of a test that failed, would call a Redis that is gone
        pipeline.app.backend.result_consumer.cancel_for = lambda task_id: None
        pipeline.app.close()


@pytest.fixture(scope="module")
def place(redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An empty broker and a server; and this process records what it publishes."""
    folder = tmp_path_factory.mktemp("celery")
    redis.empty()
    with Server(folder / "data") as server:
        credentials = server.credentials
        reader = Reader(server.base_url, credentials["projectId"], credentials["email"], credentials["password"])
        variables = environment(server, folder / "spool", TEST_BROKER=redis.url)
        variables = {name: value for name, value in variables.items() if name.startswith(("XRAY_", "TEST_"))}
        former = install(None)
        tracer = xray.configure(
            api_key=credentials["apiKey"],
            base_url=server.base_url,
            spool_dir=str(folder / "spool"),
            batch_interval_seconds=0.05,
        )
        xray_celery.install(pipeline.app, ignore=["tests.quiet"])
        yield Place(server, redis, folder, reader, variables)
        xray_celery.uninstall()
        assert tracer.shutdown(5).pending == 0
        assert tracer.stats().swallowed == 0
        install(former or NoopTracer())
