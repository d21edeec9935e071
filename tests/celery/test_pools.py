"""Pools of processes, threads and greenlets, and none at all: each records the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, Signature, chord, group

import xray_trace as xray
from tests.celery import pipeline
from tests.celery.conftest import Place
from tests.celery.worker import CeleryProcess

GET_SECONDS = 30.0


@pytest.fixture(scope="module", params=["prefork", "threads", "gevent", "solo"])
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


def test_a_task_that_is_delivered_again_has_a_step_for_each_run(
    place: Place, worker: CeleryProcess, tmp_path: Path
) -> None:
    result = pipeline.redelivered.delay(str(tmp_path))
    assert result.get(GET_SECONDS) == "second"
    runs = place.steps({"metadata.celery.task_id": result.id, "metadata.celery.operation": "run"}, 2)
    told = {(run["metadata"]["celery"]["state"], run["metadata"]["celery"]["redelivered"]) for run in runs}
    assert told == {("REJECTED", False), ("SUCCESS", True)}
    assert len({run["parentStepId"] for run in runs}) == 1
    place.status(runs[0]["traceId"], "success")


def test_a_task_that_replaces_itself_goes_on_in_its_trace(place: Place, worker: CeleryProcess) -> None:
    with xray.trace("request") as began:
        assert pipeline.replace.delay(1, "chain").get(GET_SECONDS) == 111
    steps = place.steps({"traceId": began.trace_id}, 6)
    assert [step["type"] for step in steps] == ["step"] * 6


@pytest.mark.parametrize("expires", [True, False])
def test_a_task_that_is_revoked_before_it_runs_is_told_once(place: Place, worker: CeleryProcess, expires: bool) -> None:
    if expires:
        result = pipeline.add.apply_async((1,), expires=-1)
    else:
        result = pipeline.add.apply_async((1,), countdown=2)
        result.revoke()
    run = place.run_of(result.id)
    assert run["metadata"]["celery"]["state"] == "REVOKED"
    assert run["metadata"]["error"] == ("expired" if expires else "revoked")
    place.status(run["traceId"], "failure")


# the last that needs the worker
def test_a_task_that_exits_which_ends_a_solo_worker_is_told_once(place: Place, worker: CeleryProcess) -> None:
    result = pipeline.exit_softly.delay(3)
    run = place.run_of(result.id)
    assert (run["type"], run["metadata"]["errorType"]) == ("step-error", "SystemExit")
    place.status(run["traceId"], "failure")


def test_a_chord_is_one_trace_where_the_result_store_has_to_be_asked_whether_its_header_has_ended(
    place: Place, tmp_path: Path
) -> None:
    backend = f"file://{tmp_path}"
    with place.worker("asking", "-P", "threads", "-c", "2", TEST_BACKEND=backend) as worker:
        asking = Celery("asking", broker=place.redis.url, backend=backend, set_as_current=False)
        header = [Signature(f"tests.{name}", args, app=asking) for name, args in (("add", (1, 1)), ("add", (2, 2)))]
        body: Any = chord(header, Signature("tests.total", app=asking), app=asking)()
        assert body.get(GET_SECONDS) == 6
        worker.end()
        asking.close()
    run = place.run_of(body.id)
    steps = place.steps({"traceId": run["traceId"]}, 6)
    header_steps = [step for step in steps if step["stepName"] == "tests.add"]
    [group_id] = {step["metadata"]["celery"]["group_id"] for step in header_steps}
    assert run["metadata"]["celery"]["header_group_id"] == group_id == run["traceId"]
    place.status(run["traceId"], "success")


def test_a_message_of_celerys_first_protocol_is_recorded_as_well(place: Place) -> None:
    with place.worker("first", "-P", "solo") as worker, xray.trace("request") as began:
        old = Celery("old", broker=place.redis.url, backend=place.redis.url, set_as_current=False)
        old.conf.task_protocol = 1
        assert old.send_task("tests.retry", (1,), retries=0).get(GET_SECONDS)
        steps = place.steps({"traceId": began.trace_id}, 4)
        worker.end()
        old.close()
    assert [step["stepName"] for step in steps] == ["publish tests.retry", "tests.retry"] * 2
