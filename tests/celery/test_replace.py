"""A task that replaces itself, by a chain, a group or a chord: all is one trace, and the replaced run no error."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import chain, chord

from tests.celery import pipeline
from tests.celery.conftest import Place, Step
from tests.celery.worker import CeleryProcess

GET_SECONDS = 30.0
BODIES = {"group": "celery.accumulate", "chord": "tests.total"}


@pytest.fixture(scope="module", autouse=True)
def worker(place: Place) -> Iterator[CeleryProcess]:
    with place.worker("replace", "-P", "prefork", "-c", "2") as worker:
        yield worker


def replaced(place: Place, task_id: str) -> Step:
    """Return the run that was replaced; what takes its place has the same id."""
    [run] = place.steps({"metadata.celery.task_id": task_id, "metadata.celery.state": "IGNORED"}, 1)
    return run


def tree(steps: list[Step]) -> dict[str, list[str]]:
    """Return the names below each name, of several with one name together."""
    names = {step["stepId"]: step["stepName"] for step in steps}
    found: dict[str, list[str]] = {}
    for step in steps:
        parent_id = step.get("parentStepId")
        found.setdefault("" if parent_id is None else names[parent_id], []).append(step["stepName"])
    return found


def all_of(place: Place, task_id: str, count: int) -> list[Step]:
    """Return the steps of the trace of a task that was replaced, which all went well and in which all did."""
    first = replaced(place, task_id)
    steps = place.steps({"traceId": first["traceId"]}, count)
    assert {step["type"] for step in steps} == {"step"}
    assert len({step["stepId"] for step in steps}) == count
    place.status(first["traceId"], "success")
    place.steps({"metadata.celery.root_id": first["metadata"]["celery"]["root_id"]}, count)
    return steps


def test_the_chain_that_replaces_a_task_lies_below_its_run(place: Place) -> None:
    result = pipeline.replace.delay(1)
    assert result.get(GET_SECONDS) == 111
    assert tree(all_of(place, result.id, 6)) == {
        "": ["publish tests.replace"],
        "publish tests.replace": ["tests.replace"],
        "tests.replace": ["publish tests.add"],
        "publish tests.add": ["tests.add", "tests.add"],
        "tests.add": ["publish tests.add"],
    }


@pytest.mark.parametrize(("by", "value"), [("group", [11, 101]), ("chord", 112)])
def test_the_group_or_chord_that_replaces_a_task_lies_below_its_run_and_its_body_below_the_last_of_it(
    place: Place, by: str, value: Any
) -> None:
    result = pipeline.replace.delay(1, by)
    assert result.get(GET_SECONDS) == value
    steps = all_of(place, result.id, 8)
    body = BODIES[by]
    assert tree(steps) == {
        "": ["publish tests.replace"],
        "publish tests.replace": ["tests.replace"],
        "tests.replace": ["publish tests.add", "publish tests.add"],
        "publish tests.add": ["tests.add", "tests.add"],
        "tests.add": [f"publish {body}"],
        f"publish {body}": [body],
    }
    [group_id] = {step["metadata"]["celery"]["group_id"] for step in steps if step["stepName"] == "tests.add"}
    assert {step["metadata"]["celery"].get("header_group_id") for step in steps if body in step["stepName"]} == {
        group_id
    }


def test_a_task_of_a_chain_that_is_replaced_by_a_group_goes_on_to_the_next(place: Place) -> None:
    result = chain(pipeline.add.s(0, 1), pipeline.replace.s("group"), pipeline.total.s()).delay()
    assert result.get(GET_SECONDS) == 112
    found = tree(all_of(place, result.parent.id, 12))
    assert found["tests.replace"] == ["publish tests.add", "publish tests.add"]
    assert found["celery.accumulate"] == ["publish tests.total"]
    assert found["publish tests.total"] == ["tests.total"]


@pytest.mark.parametrize("by", ["chain", "chord"])
def test_a_task_of_a_chords_header_that_is_replaced_still_has_the_chords_body_wait(place: Place, by: str) -> None:
    header = [pipeline.replace.s(1, by), pipeline.add.s(1, 1)]
    result: Any = chord(header, pipeline.total.s()).delay()
    value = {"chain": 111, "chord": 112}[by]
    assert result.get(GET_SECONDS) == value + 2
    run = place.run_of(result.id)
    steps = place.steps({"traceId": run["traceId"]}, {"chain": 10, "chord": 12}[by])
    assert {step["type"] for step in steps} == {"step"}
    assert run["metadata"]["celery"]["header_group_id"] == run["traceId"]
    place.status(run["traceId"], "success")
