"""How far a question goes: no longer than its time limit, and no page with more bytes than threads can hold."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.backend.store.mongodb.place import Place
from tests.backend.store.mongodb.test_sharding import commands
from tests.contract.test_store import EVERYTHING, pages, start, step
from xray_backend.errors import Unavailable
from xray_backend.query.filter import parse_filter
from xray_backend.query.limits import QueryLimits
from xray_backend.query.sort import Sort
from xray_backend.store.base import Store
from xray_backend.store.mongodb.finding import PAGE_BYTES
from xray_backend.store.mongodb.store import MongoStore
from xray_backend.store.records import EventBatch

__all__ = ["commands"]

KIB = 1024
STEP_BYTES = 200 * KIB

QUESTIONS: dict[str, Callable[[Store], Any]] = {
    "a page of steps": lambda store: store.query("steps", "p", EVERYTHING, limit=9, after=None),
    "steps in an order": lambda store: store.query(
        "steps", "p", EVERYTHING, sort=Sort(("metadata", "text"), 1), limit=9, after=None
    ),
    "a count": lambda store: store.count("steps", "p", EVERYTHING),
    "traces": lambda store: store.traces("p", status=None, start_ms=None, end_ms=None, limit=9, after=None),
    "a trace": lambda store: store.trace("p", "t"),
    "a trace's steps": lambda store: store.steps_of("p", "t", limit=9, after=None),
    "data records": lambda store: store.data_of("p", "t", ["d"]),
    "a data record": lambda store: store.data("p", "t", "d"),
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
def test_each_question_carries_its_time_limit(place: Place, commands: list[Any], ask: Callable[[Store], Any]) -> None:
    store = MongoStore(place.url, query_timeout_seconds=7)
    ask(store)
    store.close()
    assert commands
    assert [command["maxTimeMS"] for command in commands] == [7_000] * len(commands)


def test_a_query_that_takes_longer_is_stopped_and_told_what_to_do(place: Place) -> None:
    place.open().write(EventBatch("p", steps=[step(f"s{n}", metadata={"text": "ab" * 50}) for n in range(9_000)]))
    store = MongoStore(place.url, query_timeout_seconds=0.001)
    slow = parse_filter({"metadata.text": {"$regex": "(a|b)*c"}}, "steps", QueryLimits())
    for ask in (lambda: store.count("steps", "p", slow), lambda: store.query("steps", "p", slow, limit=9, after=None)):
        with pytest.raises(Unavailable, match="narrow the filter") as caught:
            ask()
        assert caught.value.retry_after_seconds
    store.close()


@pytest.mark.parametrize("sort", [None, Sort(("stepId",), 1)], ids=["by time", "by a field"])
def test_a_page_of_large_steps_ends_early_and_the_next_goes_on(store: Store, sort: Sort | None) -> None:
    count = 3 * PAGE_BYTES // STEP_BYTES
    store.write(EventBatch("p", steps=[step(f"s{n:02}", at=n, metadata={"x": "x" * STEP_BYTES}) for n in range(count)]))
    sizes: list[int] = []

    def read(after: Any) -> Any:
        page = store.query("steps", "p", EVERYTHING, sort=sort, limit=1000, after=after)
        sizes.append(sum(map(len, page.documents)))
        return page

    found = [each["stepId"] for each in pages(read)]
    assert sorted(found) == [f"s{n:02}" for n in range(count)]
    assert len(sizes) >= 3
    assert max(sizes) < PAGE_BYTES + 2 * STEP_BYTES


def test_large_traces_and_the_large_steps_of_a_trace_come_in_pages_too(store: Store) -> None:
    large = {"x": "x" * STEP_BYTES}
    count = 2 * PAGE_BYTES // STEP_BYTES
    store.write(EventBatch("p", steps=[step(f"s{n}", "t", metadata=large) for n in range(count)]))
    store.write(EventBatch("p", traces=[start(f"t{n}", **large) for n in range(count)]))
    steps = store.steps_of("p", "t", limit=1000, after=None)
    assert 1 <= len(steps.documents) < count
    assert steps.next_position is not None
    rest = store.steps_of("p", "t", limit=1000, after=steps.next_position)
    seen = {json.loads(each)["stepId"] for each in (*steps.documents, *rest.documents)}
    assert seen == {f"s{n}" for n in range(count)} or rest.next_position is not None
    traces = store.traces("p", status=None, start_ms=None, end_ms=None, limit=1000, after=None)
    assert 1 <= len(traces.documents) < count
    assert traces.next_position is not None
