"""Two apps in one program, each with a worker of its own: whose tasks are recorded where one is installed, or both."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.celery.conftest import Place, Step
from tests.celery.worker import CeleryProcess
from tests.crash.delivery import ROOT

PROGRAM_SECONDS = 60.0


def published(place: Place, installed: str) -> dict[str, str]:
    """Have the program publish while both workers run, and return the ids that it prints."""
    variables = {**place.variables, "TEST_INSTALLED": installed}
    workers = [
        CeleryProcess(
            place.folder / f"{installed}-{name}",
            variables,
            *("worker", "-n", f"{name}@test", "-P", "solo", "--without-mingle", "--without-gossip"),
            app=f"tests.celery.two_apps.{name}",
        )
        for name in ("first", "second")
    ]
    with workers[0], workers[1]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.celery.two_apps"],
            env={**os.environ, **variables, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PROGRAM_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        assert [worker.end() for worker in workers] == [0, 0]
    ids: dict[str, str] = json.loads(done.stdout)
    return ids


def told(steps: list[Step], task_id: str) -> list[tuple[str, dict[str, Any], Any]]:
    """Return what there is of a task: its steps' operation, inputs and output."""
    return [
        (
            step["metadata"]["celery"]["operation"],
            {name: value["value"] for name, value in (step.get("inputs") or {}).items()},
            (step.get("output") or {}).get("value"),
        )
        for step in steps
        if step["metadata"]["celery"]["task_id"] == task_id
    ]


@pytest.mark.parametrize("installed", ["both", "first"])
def test_each_apps_tasks_are_recorded_as_its_own_and_left_out_where_another_app_is_given(
    place: Place, installed: str
) -> None:
    ids = published(place, installed)
    steps = place.steps({"traceId": ids["trace"]}, 5 if installed == "both" else 3)
    of_first, of_second = {"x": 3, "y": 4}, {"left": 3, "right": 4}
    assert told(steps, ids["first"]) == [("publish", of_first, None), ("run", of_first, 7)]
    both = [("publish", of_second, None), ("run", of_second, 12)]
    assert told(steps, ids["second"]) == (both if installed == "both" else [])
    assert told(steps, ids["unknown"]) == [("publish", {}, None)]
    place.steps({"metadata.celery.task_id": ids["second"]}, len(told(steps, ids["second"])))
