"""Runs that are ended by force, and the soft time limit that strikes while a run is recorded."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery.exceptions import TimeLimitExceeded, WorkerLostError

from tests.celery import pipeline
from tests.celery.conftest import Place
from tests.celery.worker import CeleryProcess

GET_SECONDS = 30.0


@pytest.fixture(scope="module", autouse=True)
def worker(place: Place) -> Iterator[CeleryProcess]:
    with place.worker("limits", "-P", "prefork", "-c", "2") as worker:
        yield worker


def test_a_soft_limit_that_a_task_catches_is_a_run_that_succeeded(place: Place) -> None:
    result = pipeline.sleep_softly.delay()
    assert result.get(GET_SECONDS) == "reached"
    assert place.run_of(result.id)["output"]["value"] == "reached"


def test_a_run_over_the_hard_limit_is_told_by_the_worker_with_its_arguments(place: Place) -> None:
    result = pipeline.sleep_too_long.delay("label")
    with pytest.raises(TimeLimitExceeded):
        result.get(GET_SECONDS)
    run = place.run_of(result.id)
    assert (run["type"], run["metadata"]["errorType"]) == ("step-error", "billiard.exceptions.TimeLimitExceeded")
    assert run["inputs"]["label"]["value"] == "label"
    assert run["metadata"]["celery"]["state"] == "FAILURE"
    assert run["parentStepId"] == place.publish_of(result.id)["stepId"]
    place.status(run["traceId"], "failure")


@pytest.mark.parametrize("how", ["kill", "exit"])
def test_a_run_whose_process_is_lost_is_told_by_the_worker_with_its_arguments(place: Place, how: str) -> None:
    result = pipeline.leave.apply_async((how,), link_error=pipeline.note_failure.s())
    with pytest.raises(WorkerLostError):
        result.get(GET_SECONDS)
    run = place.run_of(result.id)
    assert (run["type"], run["metadata"]["errorType"]) == ("step-error", "billiard.exceptions.WorkerLostError")
    assert run["inputs"]["how"]["value"] == how
    steps = place.steps({"traceId": run["traceId"]}, 4)
    assert {step["stepName"] for step in steps} >= {"publish tests.note_failure", "tests.note_failure"}


def test_a_task_that_the_worker_retries_since_its_process_was_lost_has_a_step_for_each_attempt(place: Place) -> None:
    result = pipeline.leave_once.delay()
    assert result.get(GET_SECONDS) == "second"
    steps = place.steps({"metadata.celery.task_id": result.id}, 4)
    lost, second = (step for step in steps if step["metadata"]["celery"]["operation"] == "run")
    assert (lost["type"], lost["metadata"]["errorType"]) == ("step-error", "billiard.exceptions.WorkerLostError")
    assert [run["metadata"]["celery"]["state"] for run in (lost, second)] == ["RETRY", "SUCCESS"]
    assert {step["traceId"] for step in steps} == {lost["traceId"]}
    place.status(lost["traceId"], "success")


def test_a_run_that_is_revoked_and_terminated_is_told_once(place: Place, tmp_path: Path) -> None:
    result = pipeline.sleep.delay(60, str(tmp_path / "runs"))
    assert place.wait((tmp_path / "runs").exists)
    result.revoke(terminate=True)
    run = place.run_of(result.id)
    assert (run["type"], run["metadata"]["errorType"]) == ("step-error", "celery.exceptions.TaskRevokedError")
    assert run["metadata"]["celery"]["state"] == "REVOKED"
    assert run["inputs"]["seconds"]["value"] == 60
    place.status(run["traceId"], "failure")


@pytest.mark.parametrize(("seconds", "is_told"), [(2.5, True), (0.0, False)])
def test_a_task_that_outlives_its_process_has_a_step_for_its_second_run_and_for_the_first_if_that_was_long(
    place: Place, tmp_path: Path, seconds: float, is_told: bool
) -> None:
    result = pipeline.outlives_its_process.delay(str(tmp_path), seconds)
    assert result.get(GET_SECONDS) != int((tmp_path / "lost").read_text())
    place.adopt()
    of_task = {"metadata.celery.task_id": result.id}
    [second] = place.steps({**of_task, "metadata.celery.state": "SUCCESS"}, 1)
    publish = place.publish_of(result.id)
    runs = place.steps({**of_task, "metadata.celery.operation": "run"}, 1 + is_told)
    lost = [run for run in runs if run["stepId"] != second["stepId"]]
    assert [(run["type"], run["metadata"].get("errorType")) for run in lost] == [
        ("step-error", "ProcessEnded")
    ] * is_told
    assert [run["inputs"]["seconds"]["value"] for run in lost] == [seconds] * is_told
    assert [run["metadata"]["celery"]["redelivered"] for run in (*lost, second)] == [False] * is_told + [True]
    assert {run["parentStepId"] for run in runs} == {publish["stepId"]}
    place.steps({"traceId": publish["traceId"]}, 2 + is_told)
    place.status(publish["traceId"], "success")
