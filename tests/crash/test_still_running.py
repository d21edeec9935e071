"""What a program was doing when it died is at the server, and nothing that it had done is changed by that."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backend.server import Server
from tests.crash.delivery import deliver, environment, log_in, stored_steps

PROGRAM = Path(__file__).with_name("hanging_program.py")
KINDS = ("sync", "block", "thread", "async", "generator", "async-generator")
SECONDS = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("data")) as server:
        yield server


def start(kind: str, ending: str, run: str, env: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, str(PROGRAM), kind, ending, run], env=env)


def steps_of(server: Server, token: str, run: str) -> dict[str, dict[str, Any]]:
    found = stored_steps(server, token, run)
    assert len({step["stepId"] for step in found}) == len(found)
    return {step["stepName"]: step for step in found}


def steps_once_pending(server: Server, token: str, run: str) -> dict[str, dict[str, Any]]:
    deadline = time.monotonic() + SECONDS
    while True:
        steps = steps_of(server, token, run)
        if {"outer", "hang"} <= set(steps):
            return steps
        assert time.monotonic() < deadline, f"{run} shows {set(steps)} only"
        time.sleep(0.1)


def trace_of(server: Server, token: str, steps: dict[str, dict[str, Any]]) -> dict[str, Any]:
    path = f"/api/v1/projects/{server.credentials['projectId']}/traces/{steps['outer']['traceId']}"
    answered: dict[str, Any] = server.call("GET", path, token=token).json()
    return answered


@pytest.mark.parametrize("ending", ["kill", "exit"])
def test_a_step_that_hangs_is_shown_running_and_after_the_end_of_its_process_as_an_error(
    server: Server, tmp_path: Path, ending: str
) -> None:
    env = environment(server, tmp_path / "spool")
    token = log_in(server)
    programs = {kind: start(kind, ending, f"{kind}-{ending}", env) for kind in KINDS}
    try:
        for kind in KINDS:
            steps = steps_once_pending(server, token, f"{kind}-{ending}")
            assert {name: step.get("pending") for name, step in steps.items()} == {
                "outer": True, "first": None, "second": None, "hang": True,
            }  # fmt: skip
            assert trace_of(server, token, steps)["trace"]["status"] == "pending"
    finally:
        for program in programs.values():
            program.send_signal(signal.SIGKILL if ending == "kill" else signal.SIGUSR1)
            program.wait(SECONDS)
    deliver(env)
    for kind in KINDS:
        check_ended(server, token, f"{kind}-{ending}")
    assert [str(path) for path in (tmp_path / "spool").glob("*/*")] == []


def check_ended(server: Server, token: str, run: str) -> None:
    steps = steps_of(server, token, run)
    assert {name: (step["type"], step["stepNumber"]) for name, step in steps.items()} == {
        "outer": ("step-error", 1), "first": ("step", 2), "second": ("step", 3), "hang": ("step-error", 4),
    }  # fmt: skip
    hang = steps["hang"]
    assert hang["parentStepId"] == steps["outer"]["stepId"]
    assert (hang["metadata"]["errorType"], hang["metadata"]["run"]) == ("ProcessEnded", run)
    assert hang["durationMs"] > 990  # by two clocks that differ by microseconds
    assert hang["inputs"]["context"] == {"type": "dict", "length": 1, "bytes": 7}
    assert hang["inputs"]["text"]["length"] == 30_000
    answered = trace_of(server, token, steps)
    assert answered["trace"]["status"] == "failure"
    assert answered["trace"]["failureMetadata"]["errorType"] == "ProcessEnded"
    named = {artifact["dataId"] for artifact in hang["artifacts"]}
    assert named <= {data["dataId"] for data in answered["data"]}
    for data_id in named:
        path = f"/api/v1/projects/{server.credentials['projectId']}/traces/{hang['traceId']}/data/{data_id}"
        assert server.call("GET", path, token=token).json()["uploaded"]


def test_a_step_that_runs_on_is_pending_at_the_server_until_it_ends_well(server: Server, tmp_path: Path) -> None:
    env = environment(server, tmp_path / "spool")
    token = log_in(server)
    source = """if True:
        import sys
        import xray_trace as xray
        with xray.trace("ends"), xray.step("outer", metadata={"run": "ends"}), xray.step("hang", metadata={"run": "ends"}) as step:
            sys.stdin.readline()
            step.output(42)
    """  # noqa: E501
    with subprocess.Popen([sys.executable, "-c", source], env=env, stdin=subprocess.PIPE) as program:
        assert steps_once_pending(server, token, "ends")["hang"]["pending"]
        program.communicate(b"\n", timeout=SECONDS)
    deliver(env)
    steps = steps_of(server, token, "ends")
    assert [(step["type"], step.get("pending")) for step in steps.values()] == [("step", None)] * 2
    assert steps["hang"]["output"]["value"] == 42
    assert trace_of(server, token, steps)["trace"]["status"] == "success"


def test_the_first_step_of_a_program_that_continues_a_trace_is_told_of_though_nothing_was_recorded_before(
    server: Server, tmp_path: Path
) -> None:
    env = environment(server, tmp_path / "spool")
    token = log_in(server)
    source = """if True:
        import time
        import xray_trace as xray
        headers = {"xray-context": "trace=t-1;step=s-1;number=1;sampled=1"}
        with xray.continue_trace(headers), xray.step("hang", metadata={"run": "continues"}):
            time.sleep(600)
    """
    program = subprocess.Popen([sys.executable, "-c", source], env=env)
    try:
        deadline = time.monotonic() + SECONDS
        while "hang" not in steps_of(server, token, "continues"):
            assert time.monotonic() < deadline, "the step is not told of"
            time.sleep(0.1)
    finally:
        program.kill()
        program.wait(SECONDS)
    deliver(env)
    hang = steps_of(server, token, "continues")["hang"]
    assert (hang["type"], hang["metadata"]["errorType"]) == ("step-error", "ProcessEnded")
    assert (hang["traceId"], hang["parentStepId"], hang["stepNumber"]) == ("t-1", "s-1", 2)
