"""Children of a worker that are killed while it is busy: what succeeded is recorded, and nothing is there twice."""

import os
import random
import re
import signal
import time
from collections.abc import Set
from pathlib import Path

from celery.exceptions import WorkerLostError
from celery.result import AsyncResult, ResultSet

import xray_trace as xray
from tests.celery import pipeline
from tests.celery.conftest import Place, Step
from tests.celery.worker import CeleryProcess

PORTION = 30
KILLS = 10
TASKS = PORTION * KILLS
CHILDREN = 2
GET_SECONDS = 60.0
WARM_SECONDS = 20.0
LATE = re.compile(r"\[([0-9a-f-]{36})\] succeeded before the worker was lost")
"""What Celery says of a child that was killed once the result was stored, and perhaps before the run's end was."""


def publish_and_kill(place: Place, worker: CeleryProcess, marks: Path) -> ResultSet:
    """Publish in portions, and kill a child at random in the midst of each."""
    choice = random.Random(7)
    tasks = [pipeline.mark, pipeline.mark_in_the_end]
    results: list[AsyncResult] = []
    killed: list[int] = []

    def living() -> list[int]:
        pids = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
        return [pid for pid in map(int, pids) if pid not in killed]

    for _ in range(KILLS):
        begun = len(results) + choice.randrange(PORTION // 2)
        results += [
            tasks[number % 2].delay(str(marks), number) for number in range(len(results), len(results) + PORTION)
        ]
        assert place.wait(lambda begun=begun: len(os.listdir(marks)) >= begun and living())
        time.sleep(choice.random() * 0.01)  # to strike anywhere in a run, or between two
        killed.append(choice.choice(living()))
        os.kill(killed[-1], signal.SIGKILL)
    return ResultSet(results)


def task_ids(steps: list[Step]) -> list[str]:
    return sorted(step["metadata"]["celery"]["task_id"] for step in steps)


def settled(place: Place, trace_id: str, expected: Set[str]) -> tuple[list[Step], list[Step]]:
    """Return the trace's publishes and runs, once the runs of these tasks are there."""
    operations: dict[str, list[Step]] = {}

    def are_there() -> bool:
        operations.update(publish=[], run=[])
        for step in place.reader.steps_where({"traceId": trace_id}):
            operations[step["metadata"]["celery"]["operation"]].append(step)
        return expected <= set(task_ids(operations["run"])) and len(operations["publish"]) >= TASKS

    assert place.wait(are_there), expected - set(task_ids(operations["run"]))
    return operations["publish"], operations["run"]


def test_each_task_that_succeeded_while_children_were_killed_has_one_run_that_did(place: Place, tmp_path: Path) -> None:
    with place.worker("killed", "-P", "prefork", "-c", str(CHILDREN)) as worker:
        with xray.trace("many") as trace:
            result = publish_and_kill(place, worker, tmp_path)
        values = result.get(GET_SECONDS, propagate=False)
        began = time.monotonic()
        assert worker.end() == 0
        assert time.monotonic() - began < WARM_SECONDS
        late = set(LATE.findall(worker.said()))
        assert "xray" not in worker.said()
    place.adopt()
    stored = {each.id: value for each, value in zip(result.results, values, strict=True)}
    lost = sorted(task_id for task_id, value in stored.items() if isinstance(value, WorkerLostError))
    publishes, runs = settled(place, trace.trace_id, stored.keys() - late)
    assert len({step["stepId"] for step in (*publishes, *runs)}) == len(publishes) + len(runs)
    assert task_ids(publishes) == sorted(stored)

    well = [run for run in runs if run["type"] == "step"]
    outputs = {run["metadata"]["celery"]["task_id"]: run["output"]["value"] for run in well}
    assert len(outputs) == len(well)
    assert outputs == {task_id: stored[task_id] for task_id in outputs}
    assert set(stored) - set(lost) - set(outputs) <= late
    failed = [run for run in runs if run["type"] != "step" and run["metadata"]["errorType"] != "ProcessEnded"]
    assert task_ids(failed) == lost

    again = {run["output"]["value"] for run in well if run["metadata"]["celery"]["redelivered"]}
    begun_again = {int(mark.name) for mark in tmp_path.iterdir() if mark.read_text().count("\n") > 1}
    assert begun_again <= again
    assert lost or again
