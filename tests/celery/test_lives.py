"""How workers and beat begin and end: nothing is lost, nothing is there twice, and nobody hangs."""

import signal
import time
from pathlib import Path

import pytest
from celery import group

from tests.celery import pipeline
from tests.celery.conftest import Place
from tests.celery.worker import CeleryProcess
from tests.crash.delivery import deliver, environment

GET_SECONDS = 30.0
WARM_SECONDS = 20.0  # what is measured without us is 1 to 4


def test_children_that_are_replaced_all_the_time_lose_nothing(place: Place) -> None:
    with place.worker("replaced", "-P", "prefork", "-c", "2", "--max-tasks-per-child", "3") as worker:
        result = group(pipeline.pid.s() for _ in range(30)).apply_async()
        assert len(set(result.get(GET_SECONDS))) >= 8
        place.steps({"traceId": result.id}, 60)
        assert worker.end() == 0


def test_what_children_have_recorded_as_they_leave_is_sent_by_them(place: Place) -> None:
    patient = {"XRAY_BATCH_INTERVAL_SECONDS": "600"}
    with place.worker("patient", "-P", "prefork", "-c", "2", **patient) as worker:
        result = group(pipeline.add.s(number, 1) for number in range(10)).apply_async()
        result.get(GET_SECONDS)
        assert worker.end() == 0
    place.steps({"traceId": result.id}, 20)


@pytest.mark.parametrize("pool", ["prefork", "threads", "gevent", "solo"])
def test_a_warm_shutdown_lets_a_run_end_and_tells_of_it(place: Place, tmp_path: Path, pool: str) -> None:
    with place.worker(f"warm-{pool}", "-P", pool, "-c", "2") as worker:
        result = pipeline.sleep.delay(1.5, str(tmp_path / "runs"))
        assert place.wait((tmp_path / "runs").exists)
        began = time.monotonic()
        assert worker.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < WARM_SECONDS
    assert place.run_of(result.id)["metadata"]["celery"]["state"] == "SUCCESS"


def test_a_cold_shutdown_tells_of_the_run_that_it_cuts_short(place: Place, tmp_path: Path) -> None:
    with place.worker("cold", "-P", "prefork", "-c", "2") as worker:
        result = pipeline.sleep.delay(60, str(tmp_path / "runs"))
        assert place.wait((tmp_path / "runs").exists)
        began = time.monotonic()
        worker.end(signal.SIGQUIT)
        assert time.monotonic() - began < WARM_SECONDS
    run = place.run_of(result.id)
    assert (run["type"], run["metadata"]["errorType"]) == ("step-error", "billiard.exceptions.Terminated")
    assert run["inputs"]["seconds"]["value"] == 60


def test_a_worker_whose_server_is_away_ends_in_time_and_leaves_all_on_disk(place: Place, tmp_path: Path) -> None:
    away = {"XRAY_BASE_URL": "http://127.0.0.1:9", "XRAY_SPOOL_DIR": str(tmp_path / "spool")}
    with place.worker("away", "-P", "prefork", "-c", "2", **away) as worker:
        result = pipeline.add.delay(1, 2)
        result.get(GET_SECONDS)
        began = time.monotonic()
        assert worker.end() == 0
        assert time.monotonic() - began < WARM_SECONDS
    assert list((tmp_path / "spool").rglob("*.events.json*"))


def test_a_worker_that_is_killed_with_its_children_loses_no_run_that_has_ended(place: Place, tmp_path: Path) -> None:
    patient = {"XRAY_BATCH_INTERVAL_SECONDS": "600", "XRAY_SPOOL_DIR": str(tmp_path / "spool")}
    with place.worker("killed", "-P", "prefork", "-c", "2", **patient) as worker:
        result = group(pipeline.add.s(number, 1) for number in range(20)).apply_async()
        result.get(GET_SECONDS)
        time.sleep(0.1)
        worker.kill()
    deliver(environment(place.server, tmp_path / "spool"))
    place.steps({"traceId": result.id}, 40)


def test_each_tick_of_beat_is_a_trace_that_its_run_ends(place: Place) -> None:
    with place.worker("ticked", "-P", "solo") as worker:
        schedule = str(place.folder / "schedule")
        with CeleryProcess(place.folder / "beat", place.variables, "beat", "-s", schedule) as beat:
            ticks = {"metadata.celery.task": "tests.tick", "metadata.celery.operation": "run"}
            assert place.wait(lambda: len(place.reader.steps_where(ticks)) >= 3)
            assert beat.end() == 0
        assert worker.end() == 0
    published = place.reader.steps_where({"stepName": "publish tests.tick"})
    runs = place.steps(ticks, len(published))
    assert {run["traceId"] for run in runs} == {step["traceId"] for step in published}
    assert len({run["traceId"] for run in runs}) == len(runs)
    place.status(runs[0]["traceId"], "success")
