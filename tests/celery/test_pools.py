"""Pools of threads and greenlets, and none at all: each records what the pool of processes does."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import chord, group

import xray_trace as xray
from tests.celery import pipeline
from tests.celery.conftest import Place
from tests.celery.worker import CeleryProcess

GET_SECONDS = 30.0


@pytest.fixture(scope="module", params=["threads", "gevent", "solo"])
def worker(request: pytest.FixtureRequest, place: Place) -> Iterator[CeleryProcess]:
    with place.worker(request.param, "-P", request.param, "-c", "4") as worker:
        yield worker
        worker.end()
        assert "Signal handler" not in worker.said()


def test_many_runs_at_once_each_lie_below_their_own_publish(place: Place, worker: CeleryProcess) -> None:
    with xray.trace("many") as began:
        group(pipeline.nest.s(number) for number in range(50)).apply_async().get(GET_SECONDS)
    steps = place.steps({"traceId": began.trace_id}, 150)
    by_id = {step["stepId"]: step for step in steps}
    for inner in (step for step in steps if step["stepName"] == "inner"):
        run = by_id[inner["parentStepId"]]
        publish = by_id[run["parentStepId"]]
        values = [step["inputs"]["value"]["value"] for step in (inner, run, publish)]
        assert len(set(values)) == 1


def test_retries_and_chords_go_on_in_the_trace_that_they_began(place: Place, worker: CeleryProcess) -> None:
    retried = pipeline.retry.delay(2)
    retried.get(GET_SECONDS)
    runs = place.steps({"metadata.celery.task_id": retried.id, "metadata.celery.operation": "run"}, 3)
    assert [run["metadata"]["celery"]["state"] for run in runs] == ["RETRY", "RETRY", "SUCCESS"]
    assert len({run["traceId"] for run in runs}) == 1
    with xray.trace("chord") as began:
        body: Any = chord([pipeline.add.s(1, 1), pipeline.add.s(2, 2)], pipeline.total.s()).delay()
        assert body.get(GET_SECONDS) == 6
    place.steps({"traceId": began.trace_id}, 6)


def test_a_task_that_exits_which_ends_a_solo_worker_is_told_once(place: Place, worker: CeleryProcess) -> None:
    result = pipeline.exit_softly.delay(3)
    run = place.run_of(result.id)
    assert (run["type"], run["metadata"]["errorType"]) == ("step-error", "SystemExit")
    place.status(run["traceId"], "failure")
