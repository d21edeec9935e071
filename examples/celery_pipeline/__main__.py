"""Runs a web application, a Celery worker and a broker on this machine, sends one request, and prints its one trace.

    make demo-celery

The parts are processes of this machine on free ports: a server of X-Ray, Redis, a worker with two processes, and
FastAPI on uvicorn. All that they keep is in a temporary folder, which goes with them.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from demo import DemoFailed, ended, reader_of
from local_server import Credentials, LocalServer
from reader import Reader
from rich.console import Console
from show import trace_tree

from tests.servers.process import HOST, free_port
from tests.servers.redis import Redis

START_SECONDS = 60.0  # a worker starts in three; a busy machine deserves patience
LAST_STEP = "celery_pipeline.tasks.send_letter"
WORKER = ("celery", "-A", "celery_pipeline.tasks", "worker", "--concurrency", "2", "--loglevel", "WARNING")


def main() -> int:
    """Run it; 0 if all went well, 1 with one sentence if not, 130 if it was interrupted."""
    return ended(run)


def run(console: Console) -> None:
    """Start all parts, send a request, and show what came of it."""
    with tempfile.TemporaryDirectory(prefix="xray-demo-") as name:
        folder = Path(name)
        console.print("Starting a server, Redis, a web application and a Celery worker …", style="dim")
        with LocalServer(folder / "server") as credentials, Redis() as redis:
            environment = settings(credentials, folder / "spool", redis.url)
            port = free_port()
            web = ("uvicorn", "celery_pipeline.web:api", "--host", HOST, "--port", str(port), "--log-level", "warning")
            with running(web, environment), running(WORKER, environment):
                ask(console, f"http://{HOST}:{port}")
                show(console, reader_of(credentials))


def settings(credentials: Credentials, spool: Path, broker_url: str) -> dict[str, str]:
    """Return what the web application and the worker find in their environment."""
    return {
        **os.environ,
        "BROKER_URL": broker_url,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "XRAY_API_KEY": credentials.api_key,
        "XRAY_BASE_URL": credentials.base_url,
        "XRAY_BATCH_INTERVAL_SECONDS": "0.2",  # somebody is watching
        "XRAY_PROJECT_ID": credentials.project_id,
        "XRAY_SPOOL_DIR": str(spool),
    }


@contextmanager
def running(module: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[None]:
    """Run a module as a process whose errors are shown, and end it as its operator would."""
    command, nothing = [sys.executable, "-m", *module], subprocess.DEVNULL  # a worker prints a banner
    process = subprocess.Popen(command, env=environment, stdin=nothing, stdout=nothing)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ask(console: Console, url: str) -> None:
    """Send the request, once the web application takes one."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            answer = requests.get(f"{url}/advice/Lima", params={"name": "Ada"}, timeout=START_SECONDS)
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise DemoFailed("the web application did not start in time.") from None
            time.sleep(0.1)
        else:
            console.print(f"GET /advice/Lima?name=Ada: {answer.status_code} {answer.text}\n")
            return


def show(console: Console, reader: Reader) -> None:
    """Wait for the last task's step, and show the trace that it is in."""
    found = the_trace(reader)
    console.rule("One trace, three processes", align="left")
    trace_id = found["trace"]["traceId"]
    console.print(trace_tree(found["trace"], found["steps"], lambda data_id: reader.value(trace_id, data_id)))


def the_trace(reader: Reader) -> dict[str, Any]:
    """Return the trace once its last task has run, and every process has told what it did before."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        for last in reader.steps_where({"stepName": LAST_STEP, "durationMs": {"$exists": True}}):
            found = reader.trace(last["traceId"])
            if is_whole(found["steps"]):
                return found
        time.sleep(0.1)
    raise DemoFailed("the letter was not sent in time.")


def is_whole(steps: list[dict[str, Any]]) -> bool:
    """Tell whether each step has ended, and the one that it lies below is there, too."""
    known = {step["stepId"] for step in steps}
    return all("durationMs" in step and step.get("parentStepId") in {None, *known} for step in steps)


if __name__ == "__main__":
    sys.exit(main())
