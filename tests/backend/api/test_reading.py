"""Lists of traces, one trace, and pages."""

from typing import Any

import pytest

from tests.backend.api.events import NOW, NOW_MS, data, step, trace_failure, trace_start, trace_success
from tests.backend.server import Person, Server, assert_refused, new_person


@pytest.fixture(scope="module")
def recorded(server: Server) -> Person:
    """Seven traces a second apart, of every status, and one with more steps than a page."""
    from_scratch = new_person(server)
    starts = [trace_start(f"t{index}", createdAt=NOW_MS + index * 1000) for index in range(7)]
    ends = [trace_success("t1", endedAt=NOW_MS + 10_000), trace_failure("t2", endedAt=NOW_MS + 10_000)]
    assert (
        from_scratch.ingest(*starts, *ends, step("s", "t3", timestamp=NOW_MS + 3000), data("d", "t3")).status_code
        == 200
    )
    numbered = [step(f"big-{index}", "t0", stepNumber=index) for index in range(1100)]
    for part in (numbered[500:], numbered[:500]):
        assert from_scratch.ingest(*part).status_code == 200
    return from_scratch


def ids(answered: Any) -> list[str]:
    assert answered.status_code == 200, answered.text
    return [trace["traceId"] for trace in answered.json()["traces"]]


def test_traces_come_newest_first_in_pages_that_meet(recorded: Person) -> None:
    found: list[str] = []
    path = "traces?limit=3"
    for _ in range(3):
        answered = recorded.call("GET", path)
        found += ids(answered)
        cursor = answered.json()["nextCursor"]
        path = f"traces?limit=3&cursor={cursor}"
    assert found == ["t6", "t5", "t4", "t3", "t2", "t1", "t0"]
    assert cursor is None


def test_traces_are_narrowed_by_status_and_time(recorded: Person) -> None:
    assert ids(recorded.call("GET", "traces?status=success")) == ["t1"]
    assert ids(recorded.call("GET", "traces?status=failure")) == ["t2"]
    assert ids(recorded.call("GET", "traces?status=pending")) == ["t6", "t5", "t4", "t3", "t0"]
    assert ids(recorded.call("GET", f"traces?startDate={NOW_MS + 5000}")) == ["t6", "t5"]
    assert ids(recorded.call("GET", f"traces?endDate={NOW_MS + 1000}")) == ["t1", "t0"]
    between = "traces?startDate=2026-01-11T16:55:23.013Z&endDate=2026-01-11T17:55:24.013%2B01:00"
    assert ids(recorded.call("GET", between)) == ["t3", "t2"]


def test_the_time_of_a_trace_finds_it_also_where_it_has_a_fraction(somebody: Person) -> None:
    assert somebody.ingest(trace_start("t", createdAt=NOW_MS + 0.7)).status_code == 200
    for time in (f"{NOW_MS}.7", f"{NOW_MS}", "2026-01-11T16:55:21.0137Z", NOW):
        assert ids(somebody.call("GET", f"traces?startDate={time}&endDate={time}")) == ["t"]
    assert ids(somebody.call("GET", f"traces?startDate={NOW_MS + 1}")) == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=101", "limit=-1", "limit=x", "limit=1.5", "limit=", "limit=9999999999999999999",
        "status=open", "status=", "startDate=yesterday", "startDate=-1", "startDate=2026-01-11T16:55:21",
        "startDate=NaN", "endDate=1e300", "endDate=99999999999999999999", "endDate=",
        "cursor=", "cursor=x", "cursor=%F0%9F", "cursor=" + "A" * 3000,
    ],
)  # fmt: skip
def test_a_bad_parameter_is_refused(recorded: Person, query: str) -> None:
    assert_refused(recorded.call("GET", f"traces?{query}"), 400)


def test_a_cursor_is_good_for_its_own_list_alone(recorded: Person, somebody: Person) -> None:
    cursor = recorded.call("GET", "traces?limit=3").json()["nextCursor"]
    assert ids(recorded.call("GET", f"traces?limit=1&cursor={cursor}")) == ["t3"]
    assert_refused(recorded.call("GET", f"traces?status=pending&cursor={cursor}"), 400)
    assert_refused(recorded.call("GET", f"traces?startDate=1&cursor={cursor}"), 400)
    assert_refused(recorded.call("GET", f"traces/t0?cursor={cursor}"), 400)
    assert_refused(recorded.call("POST", "query", json={"filter": {}, "cursor": cursor}), 400)
    assert_refused(recorded.call("POST", "traces/query", json={"filter": {}, "cursor": cursor}), 400)
    assert_refused(somebody.call("GET", f"traces?cursor={cursor}"), 400)
    altered = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    assert_refused(recorded.call("GET", f"traces?limit=3&cursor={altered}"), 400)


def test_a_trace_shows_its_steps_by_number_a_thousand_a_page(recorded: Person) -> None:
    first = recorded.call("GET", "traces/t0").json()
    assert [found["stepNumber"] for found in first["steps"]] == list(range(1000))
    second = recorded.call("GET", f"traces/t0?cursor={first['nextCursor']}").json()
    assert [found["stepNumber"] for found in second["steps"]] == list(range(1000, 1100))
    assert second["nextCursor"] is None
    assert_refused(recorded.call("GET", f"traces/t1?cursor={first['nextCursor']}"), 400)


def test_steps_of_a_trace_come_once_each_while_others_are_recorded(somebody: Person) -> None:
    long_id = "x" * 196
    events = [step(f"{long_id}{number:04}", stepNumber=number) for number in range(1000, 2000)]
    assert somebody.ingest(*events).status_code == 200
    assert somebody.ingest(step("last", stepNumber=2**53)).status_code == 200
    cursor = somebody.call("GET", "traces/trace-1").json()["nextCursor"]
    assert somebody.ingest(*[step(f"new{number}", stepNumber=number) for number in range(300)]).status_code == 200
    second = somebody.call("GET", f"traces/trace-1?cursor={cursor}").json()
    assert [found["stepId"] for found in second["steps"]] == ["last"]
    assert second["nextCursor"] is None


def test_the_data_of_a_trace_are_those_that_its_steps_name(somebody: Person) -> None:
    named = [{"dataId": "d1", "type": "input", "key": "a"}, {"dataId": "gone", "type": None}]
    events = [step(artifacts=named), data("d1", content="x"), data("d2", content="y")]
    assert somebody.ingest(*events).status_code == 200
    shown = somebody.call("GET", "traces/trace-1").json()
    assert [record["dataId"] for record in shown["data"]] == ["d1"]
    record = shown["data"][0]
    assert record["dataPath"] == f"{somebody.project_id}/d1"
    assert "content" not in record


def test_a_trace_whose_steps_name_many_large_data_comes_in_pages_of_bounded_size(somebody: Person) -> None:
    ids = {number: [f"d{number}-{n}" for n in range(count)] for number, count in enumerate((3, 30, 0, 7, 25, 1))}
    for number, named in ids.items():
        for data_id in named:
            assert somebody.ingest(data(data_id, metadata={"text": "x" * 200_000})).status_code == 200
        artifacts = [{"dataId": data_id, "type": "input", "key": "k"} for data_id in named]
        assert somebody.ingest(step(f"s{number}", stepNumber=number, artifacts=artifacts)).status_code == 200
    steps: list[str] = []
    listed: list[str] = []
    cursor = ""
    while cursor is not None:
        shown = somebody.call("GET", f"traces/trace-1{cursor and '?cursor='}{cursor}")
        assert len(shown.content) < 4 * 1024 * 1024
        page = shown.json()
        steps += [found["stepId"] for found in page["steps"]]
        listed += [record["dataId"] for record in page["data"]]
        cursor = page["nextCursor"]
    assert steps == [f"s{number}" for number in ids]
    assert listed == [data_id for named in ids.values() for data_id in named]


def test_a_trace_that_is_not_there_or_not_ours_is_not_found(recorded: Person, somebody: Person) -> None:
    assert_refused(recorded.call("GET", "traces/none"), 404)
    assert_refused(somebody.call("GET", "traces/t1"), 404)
    assert_refused(recorded.call("GET", "traces/%00"), 404)


def test_metadata_comes_back_as_it_was_sent(somebody: Person) -> None:
    sent = {
        "a.b": 1, "$where": "1", "": None, "__proto__": {"x": []}, "text": "ünï\u2028\U0001f600\"\\/",
        "float": 0.1, "large": 2**53, "small": -(2**63), "deep": [[{"x": [None, True, ""]}]],
    }  # fmt: skip
    assert somebody.ingest(trace_start(metadata=sent), step(metadata=sent)).json() == {"success": True}
    shown = somebody.call("GET", "traces/trace-1").json()
    assert shown["trace"]["metadata"] == sent
    assert shown["steps"][0]["metadata"] == sent


def test_two_projects_may_use_the_same_ids(somebody: Person, person: Person) -> None:
    for who, owner in (("mine", somebody), ("theirs", person)):
        assert owner.ingest(trace_start("same", metadata={"who": who}), step("same", "same")).status_code == 200
    assert somebody.call("GET", "traces/same").json()["trace"]["metadata"] == {"who": "mine"}
    assert person.call("GET", "traces/same").json()["trace"]["metadata"] == {"who": "theirs"}
