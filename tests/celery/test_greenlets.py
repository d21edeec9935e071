"""Greenlets that are ended by force, which gevent does by an exception in the task itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery.exceptions import TaskRevokedError, TimeLimitExceeded

from tests.celery import pipeline
from tests.celery.conftest import Place
from tests.celery.worker import CeleryProcess

GET_SECONDS = 30.0


@pytest.fixture(scope="module", autouse=True)
def worker(place: Place) -> Iterator[CeleryProcess]:
    with place.worker("greenlets", "-P", "gevent", "-c", "4") as worker:
        yield worker
        assert worker.end() == 0
        assert "Signal handler" not in worker.said()


def test_a_greenlet_over_the_hard_limit_is_told_once_with_its_arguments(place: Place) -> None:
    result = pipeline.sleep_too_long.delay("label")
    with pytest.raises(TimeLimitExceeded):
        result.get(GET_SECONDS)
    run = place.run_of(result.id)
    assert run["type"] == "step-error"
    assert run["inputs"]["label"]["value"] == "label"
    assert run["metadata"]["celery"]["state"] == "FAILURE"
    place.status(run["traceId"], "failure")


def test_a_greenlet_that_is_revoked_and_terminated_is_told_once(place: Place, tmp_path: Path) -> None:
    result = pipeline.sleep.delay(60, str(tmp_path / "runs"))
    assert place.wait((tmp_path / "runs").exists)
    result.revoke(terminate=True)
    with pytest.raises(TaskRevokedError):
        result.get(GET_SECONDS)
    run = place.run_of(result.id)
    assert run["metadata"]["errorType"].endswith("GreenletExit")
    assert run["inputs"]["seconds"]["value"] == 60
    place.status(run["traceId"], "failure")


def test_what_runs_after_a_greenlet_was_ended_is_recorded_as_ever(place: Place) -> None:
    result = pipeline.nest.delay(1)
    assert result.get(GET_SECONDS) == 2
    run = place.run_of(result.id)
    place.steps({"traceId": run["traceId"]}, 3)
