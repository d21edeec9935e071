"""What a worker with child processes records of tasks of every kind, counted at the server."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from celery import chain, chord, group

import xray_trace as xray
from tests.celery import pipeline
from tests.celery.conftest import Place, Step
from tests.celery.worker import CeleryProcess

GET_SECONDS = 30.0


@pytest.fixture(scope="module", autouse=True)
def worker(place: Place) -> Iterator[CeleryProcess]:
    with place.worker("prefork", "-P", "prefork", "-c", "2") as worker:
        yield worker


def names(steps: list[Step]) -> list[str]:
    return [step["stepName"] for step in steps]


def below(steps: list[Step], parent: Step) -> list[Step]:
    return [step for step in steps if step.get("parentStepId") == parent["stepId"]]


def test_a_task_is_one_trace_with_the_publish_the_run_and_the_steps_inside(place: Place) -> None:
    with xray.trace("request") as began:
        result = pipeline.nest.delay(41)
        assert result.get(GET_SECONDS) == 42
    steps = place.steps({"traceId": began.trace_id}, 3)
    publish, run, inner = steps
    assert names(steps) == ["publish tests.nest", "tests.nest", "inner"]
    assert (run["parentStepId"], inner["parentStepId"]) == (publish["stepId"], run["stepId"])
    assert publish["inputs"]["value"]["value"] == run["inputs"]["value"]["value"] == 41
    assert run["output"]["value"] == 42
    place.status(began.trace_id, "success")


def test_a_run_tells_of_its_queue_worker_state_and_length(place: Place) -> None:
    result = pipeline.add.apply_async((1,), {"y": 2}, expires=600)
    assert result.get(GET_SECONDS) == 3
    told = place.run_of(result.id)["metadata"]
    assert (
        told["celery"].items()
        >= {
            "task": "tests.add",
            "task_id": result.id,
            "root_id": result.id,
            "queue": "celery",
            "worker": "prefork@test",
            "state": "SUCCESS",
            "retries": 0,
            "redelivered": False,
        }.items()
    )
    assert 0 <= told["celery"]["runtime"] < GET_SECONDS
    sent = place.publish_of(result.id)["metadata"]["celery"]
    assert sent["expires"]
    assert sent["routing_key"] == "celery"


def test_a_task_published_outside_any_trace_begins_one_that_its_run_ends(place: Place) -> None:
    result = pipeline.add.delay(1, 2)
    assert result.get(GET_SECONDS) == 3
    run = place.run_of(result.id)
    trace = place.status(run["traceId"], "success")
    assert trace["name"] == "tests.add"
    place.steps({"traceId": run["traceId"]}, 2)


def test_a_task_that_fails_is_a_step_error_and_fails_the_trace_that_it_began(place: Place) -> None:
    result = pipeline.fail.delay("no luck")
    with pytest.raises(ValueError, match="no luck"):
        result.get(GET_SECONDS)
    run = place.run_of(result.id)
    assert run["type"] == "step-error"
    assert run["metadata"]["errorType"] == "ValueError"
    assert run["metadata"]["celery"]["state"] == "FAILURE"
    assert run["inputs"]["text"]["value"] == "no luck"
    place.status(run["traceId"], "failure")


def test_a_task_sent_by_a_name_that_is_not_known_here_is_recorded(place: Place) -> None:
    registered = pipeline.app._tasks.pop("tests.add")
    try:
        result = pipeline.app.send_task("tests.add", (1,), {"y": 5})
    finally:
        pipeline.app._tasks["tests.add"] = registered
    assert result.get(GET_SECONDS) == 6
    assert place.publish_of(result.id)["inputs"]["args"]["length"] == 1
    assert place.run_of(result.id)["inputs"]["y"]["value"] == 5


def test_a_task_that_the_worker_does_not_know_ends_the_trace_as_failed(place: Place) -> None:
    result = pipeline.app.send_task("tests.nobody_knows", (1,))
    run = place.run_of(result.id)
    assert (run["type"], run["stepName"]) == ("step-error", "tests.nobody_knows")
    place.status(run["traceId"], "failure")


def test_each_task_of_a_chain_lies_below_the_one_before(place: Place) -> None:
    result = chain(pipeline.add.s(1, 2), pipeline.add.s(10), pipeline.add.s(100)).delay()
    assert result.get(GET_SECONDS) == 113
    trace_id = place.run_of(result.id)["traceId"]
    steps = place.steps({"traceId": trace_id}, 6)
    assert names(steps) == ["publish tests.add", "tests.add"] * 3
    for parent, child in pairwise(steps):
        assert child["parentStepId"] == parent["stepId"]
    assert [step["stepNumber"] for step in steps] == [1, 2, 3, 4, 5, 6]
    place.status(trace_id, "success")


def test_the_tasks_of_a_group_outside_any_trace_share_one(place: Place) -> None:
    result = group(pipeline.add.s(number, 1) for number in range(4)).apply_async()
    assert result.get(GET_SECONDS) == [1, 2, 3, 4]
    steps = place.steps({"traceId": result.id}, 8)
    publishes = [step for step in steps if step["stepName"].startswith("publish")]
    assert sorted(step["stepNumber"] for step in publishes) == [1, 2, 3, 4]
    assert {step["metadata"]["celery"]["group_id"] for step in steps} == {result.id}
    assert len([step for publish in publishes for step in below(steps, publish)]) == 4
    place.status(result.id, "success")


def test_the_body_of_a_chord_names_the_group_that_it_waited_for(place: Place) -> None:
    with xray.trace("request") as began:
        result = chord([pipeline.add.s(1, 1), pipeline.add.s(2, 2)], pipeline.total.s()).delay()
        assert result.get(GET_SECONDS) == 6
    steps = place.steps({"traceId": began.trace_id}, 6)
    header = [step for step in steps if step["stepName"] == "tests.add"]
    [publish] = [step for step in steps if step["stepName"] == "publish tests.total"]
    [body] = [step for step in steps if step["stepName"] == "tests.total"]
    [group_id] = {step["metadata"]["celery"]["group_id"] for step in header}
    assert publish["metadata"]["celery"]["header_group_id"] == group_id
    assert body["metadata"]["celery"]["header_group_id"] == group_id
    assert publish["parentStepId"] in {step["stepId"] for step in header}
    assert body["output"]["value"] == 6


def test_links_and_errbacks_lie_below_the_run_that_called_them(place: Place) -> None:
    with xray.trace("request") as began:
        result = pipeline.add.apply_async((1, 1), link=pipeline.add.s(5))
        failing = pipeline.fail.apply_async(("no luck",), link_error=pipeline.note_failure.s())
        assert result.get(GET_SECONDS) == 2
        with pytest.raises(ValueError, match="no luck"):
            failing.get(GET_SECONDS)
    steps = place.steps({"traceId": began.trace_id}, 8)
    for task_id, name in ((result.id, "publish tests.add"), (failing.id, "publish tests.note_failure")):
        assert names(below(steps, place.run_of(task_id))) == [name]


def test_a_task_that_is_ignored_is_no_error(place: Place) -> None:
    result = pipeline.ignore.delay()
    run = place.run_of(result.id)
    assert run["type"] == "step"
    assert run["metadata"]["celery"].items() >= {"state": "IGNORED", "reason": "of no use"}.items()


def test_each_attempt_of_a_task_that_is_retried_is_a_step(place: Place) -> None:
    result = pipeline.retry.delay(2)
    result.get(GET_SECONDS)
    found = place.steps({"metadata.celery.task_id": result.id, "metadata.celery.operation": "run"}, 3)
    told = [step["metadata"]["celery"] for step in found]
    assert [(one["retries"], one["state"]) for one in told] == [(0, "RETRY"), (1, "RETRY"), (2, "SUCCESS")]
    assert "attempt 0" in told[0]["reason"]
    assert {step["type"] for step in found} == {"step"}
    trace_id = found[0]["traceId"]
    steps = place.steps({"traceId": trace_id}, 6)
    assert names(steps) == ["publish tests.retry", "tests.retry"] * 3
    for parent, child in pairwise(steps):
        assert child["parentStepId"] == parent["stepId"]
    place.status(trace_id, "success")


@pytest.mark.parametrize("headers", [{"tenant": "acme"}, {"tenant": "acme", "headers": {"inner": "theirs"}}])
def test_the_users_headers_arrive_as_they_are_and_do_not_grow_over_retries(
    place: Place, headers: dict[str, Any]
) -> None:
    given = {name: dict(value) if isinstance(value, dict) else value for name, value in headers.items()}
    first = pipeline.shown_headers.apply_async(headers=headers).get(GET_SECONDS)
    last = pipeline.retry.apply_async((3,), headers=headers).get(GET_SECONDS)
    assert headers == given
    theirs = headers.get("headers", headers)
    assert first.items() >= theirs.items()
    assert last.items() >= theirs.items()
    for seen in (first, last):
        assert set(seen) - set(theirs) - {"xray-step"} == {"traceparent", "xray-context"}
    assert len(last["xray-context"]) <= len(first["xray-context"]) + 2


def test_a_rejected_task_fails_the_trace_that_it_began(place: Place) -> None:
    result = pipeline.reject.delay()
    run = place.run_of(result.id)
    assert run["metadata"]["celery"].items() >= {"state": "REJECTED"}.items()
    assert "makes no sense" in run["metadata"]["celery"]["reason"]
    place.status(run["traceId"], "failure")


def test_a_task_that_is_left_out_passes_the_trace_on(place: Place) -> None:
    with xray.trace("request") as began:
        assert pipeline.quiet.delay(1).get(GET_SECONDS) == 1
    assert names(place.steps({"traceId": began.trace_id}, 2)) == ["publish tests.add", "tests.add"]


def test_a_task_of_which_nothing_is_recorded_here_is_recorded_by_the_worker(place: Place) -> None:
    with xray.trace("request", sample_rate=0):
        unsampled = pipeline.add.delay(1, 2)
        assert unsampled.get(GET_SECONDS) == 3
    result = pipeline.add.delay(3, 4)
    place.run_of(result.id)
    place.steps({"metadata.celery.task_id": unsampled.id}, 0)


def test_hundreds_of_tasks_are_all_there_once(place: Place) -> None:
    with xray.trace("many") as began:
        group(pipeline.add.s(number, 1) for number in range(300)).apply_async().get(GET_SECONDS)
    steps = place.steps({"traceId": began.trace_id}, 600)
    assert len({step["stepId"] for step in steps}) == 600
