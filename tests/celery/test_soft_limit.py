"""A soft time limit that strikes inside our code reaches the task once that is left, and never another task."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.celery import pipeline
from tests.celery.conftest import Place
from tests.celery.worker import CeleryProcess

GET_SECONDS = 30.0
BEFORE = [
    "call xray_celery.running.before",
    "call xray_celery.running._begin",
    "call xray_celery.message_headers.continue_request",
    "call xray_trace.recorder.recorder.start_step",
    "call xray_trace.recorder.step.input",
    "call xray_celery.description.attach_arguments",
]
PUBLISHING = [
    "call xray_celery.publishing.before",
    "call xray_trace.recorder.step.attach",
    "call xray_celery.message_headers.write_headers",
    "call xray_celery.publishing.after",
    "call xray_trace.recorder.step.end",
]
AFTER = [
    "call xray_celery.running.after",
    "call xray_celery.running._end",
    "call xray_trace.recorder.step.end",
    "call xray_trace.export.exporter.put",
    "return xray_celery.soft_limit.forget",
    "return xray_celery.running.after",
]


@pytest.fixture(scope="module", autouse=True)
def worker(place: Place) -> Iterator[CeleryProcess]:
    folder = place.folder / "striking"
    arguments = ("worker", "-n", "striking@test", "-P", "prefork", "-c", "1", "--without-mingle", "--without-gossip")
    with CeleryProcess(folder, place.variables, *arguments, app="tests.celery.striking") as worker:
        send("quiet", 1).get(GET_SECONDS)  # its process is connected: no library is struck while it does that
        yield worker


def send(name: str, *arguments: object) -> Any:
    return pipeline.app.send_task(f"tests.{name}", arguments)


@pytest.mark.parametrize("where", BEFORE)
def test_one_that_strikes_before_the_task_begins_reaches_it(place: Place, where: str) -> None:
    send("arm", where).get(GET_SECONDS)
    result = send("struck_before", "label")
    assert result.get(GET_SECONDS) == "reached"
    run = place.run_of(result.id)
    assert run["inputs"]["label"]["value"] == "label"
    assert run["output"]["value"] == "reached"
    assert run["durationMs"] < 4000


@pytest.mark.parametrize("where", PUBLISHING)
def test_one_that_strikes_as_the_task_publishes_reaches_it(place: Place, where: str) -> None:
    result = send("struck_as_it_publishes", where)
    assert result.get(GET_SECONDS) == "reached"
    run = place.run_of(result.id)
    assert run["durationMs"] < 4000
    [publish] = place.steps({"traceId": run["traceId"], "stepName": "publish tests.add"}, 1)
    assert publish["parentStepId"] == run["stepId"]


@pytest.mark.parametrize("where", AFTER)
def test_one_that_strikes_after_the_task_has_returned_harms_neither_it_nor_the_next(place: Place, where: str) -> None:
    result = send("struck_at_its_end", where)
    following = send("not_struck")
    assert result.get(GET_SECONDS) == "returned"
    assert following.get(GET_SECONDS) == "undisturbed"
    for each in (result, following):
        assert place.run_of(each.id)["metadata"]["celery"]["state"] == "SUCCESS"


def test_none_was_swallowed_or_printed(worker: CeleryProcess) -> None:
    assert "Signal handler" not in worker.said()
    assert "Traceback" not in worker.said()
