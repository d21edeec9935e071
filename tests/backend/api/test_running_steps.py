"""Steps that say that they are still running: shown, found, and replaced by how they ended."""

import itertools
from typing import Any

import pytest

from tests.backend.api.events import NOW_MS, step, step_error, trace_start, trace_success
from tests.backend.server import Person

RUNNING = step(pending=True, metadata={"at": "start"}, inputs={"a": {"type": "int", "value": 1}})
FINALS = {
    "a result": step(metadata={"at": "end"}, durationMs=1500.5, output={"type": "int", "value": 2}),
    "an error": step_error(timestamp=NOW_MS + 5, durationMs=1500.5),
    "the word that it runs no longer": step(pending=False, metadata={"at": "end"}),
}


def shown(person: Person) -> dict[str, Any]:
    """The one step of the trace, as the trace's page shows it."""
    answered = person.call("GET", "traces/trace-1")
    assert answered.status_code == 200, answered.text
    (found,) = answered.json()["steps"]
    document: dict[str, Any] = found
    return document


def test_a_running_step_is_shown_with_its_trace_and_found_as_one(somebody: Person) -> None:
    assert somebody.ingest(RUNNING, step("done")).json() == {"success": True}
    view = somebody.call("GET", "traces/trace-1").json()
    assert view["trace"]["status"] == "pending"
    assert {found["stepId"]: found.get("pending") for found in view["steps"]} == {"step-1": True, "done": None}
    (found,) = somebody.steps({"pending": True})
    assert (found["stepId"], found["pending"], found["metadata"]) == ("step-1", True, {"at": "start"})
    assert found["inputs"] == {"a": {"type": "int", "value": 1}}
    assert [one["stepId"] for one in somebody.steps({"pending": True, "inputs.a.value": 1})] == ["step-1"]
    assert [one["stepId"] for one in somebody.steps({"pending": {"$exists": False}})] == ["done"]
    assert [one["stepId"] for one in somebody.steps({"pending": {"$ne": True}})] == ["done"]


@pytest.mark.parametrize("name", FINALS)
def test_the_end_of_a_step_takes_the_place_of_its_running_and_keeps_its_id(somebody: Person, name: str) -> None:
    somebody.ingest(RUNNING)
    before = shown(somebody)
    assert somebody.ingest(FINALS[name]).json() == {"success": True}
    after = shown(somebody)
    assert after["_id"] == before["_id"]
    assert "pending" not in after
    assert after["metadata"] == FINALS[name]["metadata"]
    assert somebody.steps({"pending": True}) == []
    assert somebody.steps({"pending": {"$exists": True}}) == []


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("name", FINALS)
def test_a_step_ends_the_same_in_every_order_of_its_events(somebody: Person, name: str, at_once: bool) -> None:
    events = [RUNNING, RUNNING, FINALS[name], trace_start(), trace_success(endedAt=NOW_MS + 9)]
    orders = list(dict.fromkeys(itertools.permutations(range(len(events)))))
    seen = []
    for number, order in enumerate(orders[:: 1 if at_once else 7]):
        renamed = [
            events[place] | {"traceId": f"t{number}"} | ({"stepId": f"s{number}"} if "stepId" in events[place] else {})
            for place in order
        ]
        for batch in [renamed] if at_once else [[event] for event in renamed]:
            assert somebody.ingest(*batch).json() == {"success": True}
        view = somebody.call("GET", f"traces/t{number}").json()
        (found,) = view["steps"]
        assert found["stepId"] == f"s{number}"
        seen.append(
            ({key: value for key, value in found.items() if key not in ("_id", "stepId", "traceId")},
             view["trace"]["status"], view["trace"]["createdAt"])
        )  # fmt: skip
    assert all(one == seen[0] for one in seen)
    assert "pending" not in seen[0][0]
    assert somebody.steps({"pending": True}) == []
