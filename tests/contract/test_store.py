"""What every store must do, whatever it is made of."""

import itertools
import json
import random
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import pytest

from tests.contract.stores import Opener
from xray_backend.errors import Conflict, NotFound, Unavailable
from xray_backend.query.cursor import FieldPosition, Position
from xray_backend.query.sort import Sort
from xray_backend.query.tree import And, Compare, Date, Exists, Not
from xray_backend.store.base import Store
from xray_backend.store.records import (
    UNCHANGED,
    ApiKey,
    DataPage,
    DataRecord,
    EventBatch,
    KeyOwner,
    Member,
    Project,
    SchemaSighting,
    StepRecord,
    TraceEvent,
    User,
    WriteResult,
)

T0 = 1_700_000_000_000.0
EVERYTHING = And(())


def step(step_id: str, trace_id: str = "trace", *, at: float = T0, pending: bool = False, **fields: Any) -> StepRecord:
    document = {"type": "step", "stepName": "rank", "stepNumber": 1, "artifacts": [], "metadata": {}, **fields}
    if pending:
        document["pending"] = True
    return StepRecord(step_id, trace_id, document["stepName"], document["stepNumber"], at, pending, document)


def start(trace_id: str = "trace", *, at: float = T0, **metadata: Any) -> TraceEvent:
    return TraceEvent(trace_id, "trace-start", at, None, None, None, metadata, {})


def success(trace_id: str = "trace", *, at: float = T0 + 10, **end_metadata: Any) -> TraceEvent:
    return TraceEvent(trace_id, "trace-success", None, at, None, None, {}, end_metadata)


def failure(trace_id: str = "trace", *, at: float = T0 + 10, **end_metadata: Any) -> TraceEvent:
    return TraceEvent(trace_id, "trace-failure", None, at, None, None, {}, end_metadata)


def data(data_id: str, trace_id: str = "trace", *, key: str = "k", content: bytes | None = None) -> DataRecord:
    return DataRecord(data_id, trace_id, key, {"m": [1, None]}, content, "text/plain", 3, "ab" * 32)


def all_steps(store: Store, project_id: str = "p", **options: Any) -> list[Any]:
    return pages(lambda after: store.query("steps", project_id, EVERYTHING, limit=3, after=after), **options)


def pages(read: Callable[[Position | None], Any], between: Callable[[], None] = lambda: None) -> list[Any]:
    found: list[Any] = []
    after: Position | None = None
    while True:
        page = read(after)
        found += [json.loads(document) for document in page.documents]
        after = page.next_position
        if after is None:
            return found
        between()


def trace_of(store: Store, trace_id: str = "trace", project_id: str = "p") -> dict[str, Any]:
    found = store.trace(project_id, trace_id)
    assert found is not None
    document: dict[str, Any] = json.loads(found)
    return document


# -- accounts, projects, keys -------------------------------------------------------------------------------


def test_a_user_is_found_by_email_and_by_id(store: Store) -> None:
    user = User("u1", "a@example.com", "Ann", "hash")
    store.create_user(user)
    assert store.user_by_email("a@example.com") == user
    assert store.user_by_id("u1") == user
    assert store.user_by_email("b@example.com") is None
    assert store.user_by_id("u2") is None


def test_an_email_belongs_to_one_account(store: Store) -> None:
    store.create_user(User("u1", "a@example.com", "Ann", "hash"))
    with pytest.raises(Conflict, match="already an account"):
        store.create_user(User("u2", "a@example.com", "Anna", "hash"))
    assert store.user_by_id("u2") is None


def test_of_many_who_register_one_email_at_once_one_succeeds(store: Store) -> None:
    outcomes = in_threads(16, lambda n: outcome_of(lambda: store.create_user(User(f"u{n}", "a@b.c", "x", "h"))))
    assert sorted(outcomes) == ["Conflict"] * 15 + ["NoneType"]


def test_a_project_belongs_to_its_owner_alone(store: Store) -> None:
    older = Project("p1", "1" * 24, "One", 1, 1)
    newer = Project("p2", "2" * 24, "Two", 2, 2)
    store.create_project(newer, "u1")
    store.create_project(older, "u1")
    store.create_project(Project("p3", "3" * 24, "Three", 3, 3), "u2")
    assert list(store.projects_of("u1")) == [older, newer]
    assert store.project("p1") == older
    assert store.project("nowhere") is None
    assert store.role("p1", "u1") == "owner"
    assert store.role("p1", "u2") is None
    assert store.role("nowhere", "u1") is None


def test_a_project_is_renamed_and_its_retention_set_each_alone_or_together(opener: Opener) -> None:
    store = opener()
    store.create_project(Project("p1", "1" * 24, "One", 1, 1), "u1")
    other = Project("p2", "2" * 24, "Two", 2, 2, retention_days=9)
    store.create_project(other, "u1")
    renamed = store.update_project("p1", name="Uno", retention_days=UNCHANGED)
    assert renamed is not None
    assert (renamed.name, renamed.retention_days, renamed.created_at_ms) == ("Uno", None, 1)
    assert renamed.updated_at_ms > 1
    limited = store.update_project("p1", name=None, retention_days=30)
    assert limited is not None
    assert (limited.name, limited.retention_days) == ("Uno", 30)
    unlimited = store.update_project("p1", name="Eins", retention_days=None)
    assert unlimited is not None
    assert (unlimited.name, unlimited.retention_days) == ("Eins", None)
    assert opener().project("p1") == unlimited
    assert store.project("p2") == other
    assert store.update_project("nowhere", name="x", retention_days=1) is None


def people(store: Store, *names: str) -> list[User]:
    found = [User(name, f"{name}@example.com", name.title(), "hash") for name in names]
    for user in found:
        store.create_user(user)
    return found


def test_members_come_and_go_in_one_project_only(store: Store) -> None:
    _, bob, cleo = people(store, "ann", "bob", "cleo")
    for project_id in ("p1", "p2"):
        store.create_project(Project(project_id, "1" * 24, "One", 1, 1), "ann")
    added = store.add_member("p1", bob, "member")
    assert added == Member(added.member_id, "bob", "bob@example.com", "Bob", "member", added.joined_at_ms)
    second_owner = store.add_member("p1", cleo, "owner")
    listed = store.members_of("p1")
    assert [(member.user_id, member.role) for member in listed] == [
        ("ann", "owner"),
        ("bob", "member"),
        ("cleo", "owner"),
    ]
    assert list(listed[1:]) == [added, second_owner]
    assert len({member.member_id for member in listed if len(member.member_id) == 24}) == 3
    assert [member.user_id for member in store.members_of("p2")] == ["ann"]
    assert [project.project_id for project in store.projects_of("bob")] == ["p1"]
    assert store.role("p1", "bob") == "member"
    assert store.role("p2", "bob") is None
    store.remove_member("p1", "bob")
    assert store.role("p1", "bob") is None
    assert store.projects_of("bob") == []
    with pytest.raises(NotFound):
        store.remove_member("p1", "bob")
    with pytest.raises(NotFound):
        store.remove_member("p2", "cleo")
    store.add_member("p1", bob, "member")


def test_nobody_is_a_member_twice_nor_of_what_is_not_there(store: Store) -> None:
    ann, bob = people(store, "ann", "bob")
    store.create_project(Project("p", "1" * 24, "One", 1, 1), "ann")
    for role in ("member", "owner"):
        with pytest.raises(Conflict, match="already"):
            store.add_member("p", ann, role)
    outcomes = in_threads(8, lambda _: outcome_of(lambda: store.add_member("p", bob, "member")))
    assert sorted(outcomes) == ["Conflict"] * 7 + ["Member"]
    with pytest.raises(NotFound):
        store.add_member("nowhere", bob, "member")
    assert store.role("nowhere", "bob") is None


def test_the_last_owner_stays_also_when_all_are_removed_at_once_by_two_processes(opener: Opener) -> None:
    stores = [opener(), opener()]
    owners = people(stores[0], *(f"u{n}" for n in range(8)))
    stores[0].create_project(Project("p", "1" * 24, "One", 1, 1), "u0")
    for user in owners[1:]:
        stores[0].add_member("p", user, "owner")
    outcomes = in_threads(8, lambda n: outcome_of(lambda: stores[n % 2].remove_member("p", f"u{n}")))
    assert sorted(outcomes) == ["Conflict"] + ["NoneType"] * 7
    (left,) = stores[1].members_of("p")
    with pytest.raises(Conflict, match="last owner"):
        stores[1].remove_member("p", left.user_id)
    stores[1].add_member("p", owners[0] if left.user_id != "u0" else owners[1], "member")
    with pytest.raises(Conflict, match="last owner"):
        stores[0].remove_member("p", left.user_id)


def test_a_password_is_replaced_once_by_whoever_knows_the_former(opener: Opener) -> None:
    store = opener()
    people(store, "ann", "bob")
    assert not store.replace_password("ann", "another", "new")
    assert not store.replace_password("nobody", "hash", "new")
    outcomes = in_threads(8, lambda n: store.replace_password("ann", "hash", f"new{n}"))
    assert sorted(outcomes) == [False] * 7 + [True]
    changed = opener().user_by_id("ann")
    assert changed is not None
    assert changed.password_hash == f"new{outcomes.index(True)}"
    bob = store.user_by_email("bob@example.com")
    assert bob is not None
    assert bob.password_hash == "hash"


def test_attempts_are_counted_up_to_the_limit_over_processes_and_a_restart(opener: Opener) -> None:
    stores = [opener(), opener()]
    counted = in_threads(16, lambda n: stores[n % 2].count_attempt("somebody", 5, 3600))
    assert counted.count(True) == 5
    assert stores[0].count_attempt("somebody else", 5, 3600)
    for store in stores:
        store.close()
    later = opener()
    assert not later.count_attempt("somebody", 5, 3600)
    assert later.attempts("somebody", 3600)[1] == 5
    assert later.attempts("somebody else", 3600)[1] == 1
    assert later.count_attempt("somebody", 6, 3600)


def api_key(key_id: str, project_id: str = "p", *, at: int = 1) -> ApiKey:
    return ApiKey(key_id, project_id, "app", "xray_sk_abcd", f"hash-{key_id}", at, None, True)


def test_a_key_stands_for_its_project_until_it_is_revoked(store: Store) -> None:
    store.create_key(api_key("k1"))
    assert store.key_owner("hash-k1") == KeyOwner("k1", "p")
    assert store.key_owner("hash-k2") is None
    assert not store.revoke_key("another", "k1")
    assert store.key_owner("hash-k1") is not None
    assert store.revoke_key("p", "k1")
    assert store.revoke_key("p", "k1")
    assert store.key_owner("hash-k1") is None
    assert [key.is_active for key in store.keys_of("p")] == [False]


def test_keys_are_listed_by_project_oldest_first(store: Store) -> None:
    for key in (api_key("k2", at=2), api_key("k1", at=1), api_key("k3", "another")):
        store.create_key(key)
    assert list(store.keys_of("p")) == [api_key("k1", at=1), api_key("k2", at=2)]


def test_the_last_use_of_a_key_only_moves_forward(store: Store) -> None:
    store.create_key(api_key("k1"))
    for at in (5, 9, 7):
        store.touch_keys({"k1": at, "unknown": 1})
    store.touch_keys({})
    assert [key.last_used_at_ms for key in store.keys_of("p")] == [9]


# -- recording ----------------------------------------------------------------------------------------------


def test_a_step_comes_back_as_it_was_given(store: Store) -> None:
    metadata = {"": 1, "a.b": None, "$c": [1, 2.5, -0.5, {"x": "é\u0000🙂"}], "big": 2**63 - 1, "small": -(2**63)}
    store.write(EventBatch("p", steps=[step("s1", metadata=metadata, durationMs=0.1 + 0.2)]))
    found = json.loads(store.steps_of("p", "trace", limit=10, after=None).documents[0])
    assert len(found.pop("_id")) == 24
    assert list(found["metadata"]) == list(metadata)
    assert found == {
        "stepId": "s1",
        "traceId": "trace",
        "projectId": "p",
        "type": "step",
        "stepName": "rank",
        "stepNumber": 1,
        "artifacts": [],
        "metadata": metadata,
        "durationMs": 0.1 + 0.2,
        "timestamp": "2023-11-14T22:13:20.000Z",
        "__v": 0,
    }


def test_the_first_final_step_stays_and_repetitions_are_counted(store: Store) -> None:
    assert store.write(EventBatch("p", steps=[step("s1", metadata={"n": 1})])) == WriteResult(1, 0)
    again = EventBatch("p", steps=[step("s1", metadata={"n": 2}), step("s2"), step("s2")])
    assert store.write(again) == WriteResult(1, 2)
    assert {found["stepId"]: found["metadata"] for found in all_steps(store)} == {"s1": {"n": 1}, "s2": {}}


def test_a_final_step_replaces_a_pending_one_and_keeps_its_id(store: Store) -> None:
    store.write(EventBatch("p", steps=[step("s1", pending=True, metadata={"n": 1})]))
    (pending,) = all_steps(store)
    assert pending["pending"] is True
    final = step("s1", at=T0 + 5, metadata={"n": 2}, stepName="rank2", stepNumber=7)
    assert store.write(EventBatch("p", steps=[final])) == WriteResult(1, 0)
    (found,) = all_steps(store)
    assert found["_id"] == pending["_id"]
    assert "pending" not in found
    assert (found["metadata"], found["stepName"], found["stepNumber"]) == ({"n": 2}, "rank2", 7)
    assert found["timestamp"] == "2023-11-14T22:13:20.005Z"
    assert store.query("steps", "p", Compare(("stepName",), "eq", "rank2"), limit=9, after=None).documents


def test_a_pending_step_never_replaces_a_final_one(store: Store) -> None:
    store.write(EventBatch("p", steps=[step("s1", metadata={"n": 1})]))
    assert store.write(EventBatch("p", steps=[step("s1", pending=True, metadata={"n": 2})])) == WriteResult(0, 1)
    store.write(EventBatch("p", steps=[step("s2"), step("s2", pending=True)]))
    assert all("pending" not in found for found in all_steps(store))


def test_the_steps_that_are_running_are_found_until_they_are_done(store: Store) -> None:
    def running() -> list[str]:
        page = store.query("steps", "p", Compare(("pending",), "eq", True), limit=9, after=None)
        return [json.loads(document)["stepId"] for document in page.documents]

    store.write(EventBatch("p", steps=[step(f"s{n}", at=T0 + n, pending=n % 2 == 0) for n in range(5)]))
    assert running() == ["s4", "s2", "s0"]
    store.write(EventBatch("p", steps=[step("s2", at=T0 + 9), step("s1", pending=True)]))
    assert running() == ["s4", "s0"]


def test_a_step_without_a_trace_makes_it_as_pending(store: Store) -> None:
    store.write(EventBatch("p", steps=[step("s1", at=T0 + 7.9), step("s2", at=T0 + 3.2), step("s3", at=T0 + 5)]))
    found = trace_of(store)
    assert found.pop("_id")
    assert found == {
        "traceId": "trace",
        "projectId": "p",
        "metadata": {},
        "status": "pending",
        "successMetadata": {},
        "failureMetadata": {},
        "createdAt": "2023-11-14T22:13:20.003Z",
        "__v": 0,
    }


def test_an_earlier_step_moves_the_traces_beginning_and_a_later_one_does_not(store: Store) -> None:
    store.write(EventBatch("p", traces=[start(at=T0)]))
    store.write(EventBatch("p", steps=[step("s1", at=T0 + 100)]))
    assert trace_of(store)["createdAt"] == "2023-11-14T22:13:20.000Z"
    store.write(EventBatch("p", steps=[step("s2", at=T0 - 1)]))
    assert trace_of(store)["createdAt"] == "2023-11-14T22:13:19.999Z"


def test_start_and_end_make_one_trace_in_any_order(store: Store) -> None:
    store.write(EventBatch("p", traces=[success("a", answer=42), start("a", useCase="x")]))
    store.write(EventBatch("p", traces=[failure("b", error="no")]))
    first_id = trace_of(store, "b")["_id"]
    store.write(EventBatch("p", traces=[start("b", useCase="x")]))
    good, bad = trace_of(store, "a"), trace_of(store, "b")
    assert (good["status"], good["metadata"], good["successMetadata"]) == ("success", {"useCase": "x"}, {"answer": 42})
    assert (bad["status"], bad["metadata"], bad["failureMetadata"]) == ("failure", {"useCase": "x"}, {"error": "no"})
    assert bad["_id"] == first_id
    assert bad["endedAt"] == "2023-11-14T22:13:20.010Z"


def test_the_first_data_record_stays_and_repetitions_are_counted(store: Store) -> None:
    assert store.write(EventBatch("p", data=[data("d1", content=b"\x00\xff")])) == WriteResult(1, 0)
    assert store.write(EventBatch("p", data=[data("d1", key="other"), data("d2")])) == WriteResult(1, 1)
    assert store.data("p", "trace", "d1") == data("d1", content=b"\x00\xff")
    assert store.data("p", "trace", "d2") == data("d2")
    assert store.data("p", "another", "d1") is None


def test_data_records_are_listed_without_content_and_unknown_ids_are_left_out(store: Store) -> None:
    store.write(EventBatch("p", data=[data("d1", content=b"abc"), data("d2"), data("d3", "another")]))
    found = [json.loads(document) for document in store.data_of("p", "trace", ["d2", "d3", "d1", "nowhere"]).documents]
    assert [record["dataId"] for record in found] == ["d2", "d1"]
    assert all(len(record.pop("_id")) == 24 for record in found)
    assert found[1] == {
        "dataId": "d1",
        "traceId": "trace",
        "projectId": "p",
        "key": "k",
        "metadata": {"m": [1, None]},
        "dataPath": "p/d1",
        "contentType": "text/plain",
        "sizeBytes": 3,
        "sha256": "ab" * 32,
        "__v": 0,
    }
    assert store.data_of("p", "trace", []) == DataPage([], 0)


def test_a_step_that_was_made_compact_is_stored_as_any_other(store: Store) -> None:
    steps = [
        step("s0", metadata={"a.b": 1, "$c": {"d": [1, 2.5, None]}}, parentStepId="s1"),
        step("s1", pending=True),
        step("s2", "other", at=T0 + 0.75),
    ]
    assert store.write(EventBatch("p", steps=[store.compact("p", each) for each in steps])).stored == 3
    assert store.write(EventBatch("q", steps=steps)).stored == 3
    assert store.write(EventBatch("p", steps=[store.compact("p", step("s1"))])).stored == 1
    assert store.write(EventBatch("q", steps=[step("s1")])).stored == 1
    found = [[{**each, "_id": "", "projectId": ""} for each in all_steps(store, project)] for project in "pq"]
    assert sorted(map(json.dumps, found[0])) == sorted(map(json.dumps, found[1]))


def test_of_many_large_data_records_the_first_are_listed_and_how_far_that_goes_is_told(store: Store) -> None:
    large = [replace(data(f"d{n}"), metadata={"text": "x" * 200_000}) for n in range(40)]
    store.write(EventBatch("p", data=large))
    wanted = ["nowhere", *(f"d{n}" for n in range(39, -1, -1))]
    seen: list[str] = []
    while wanted:
        page = store.data_of("p", "trace", wanted)
        assert page.taken > 0
        assert sum(map(len, page.documents)) < 4 * 1024 * 1024
        seen += [json.loads(document)["dataId"] for document in page.documents]
        wanted = wanted[page.taken :]
    assert (wanted, seen) == ([], [f"d{n}" for n in range(39, -1, -1)])


def test_a_shape_is_kept_once_with_the_time_it_was_seen_last(store: Store) -> None:
    for at in (2_000, 3_000, 1_000):
        store.write(EventBatch("p", schemas=[SchemaSighting("rank", "h1", {"a": {"b": "number"}}, at)]))
    store.write(EventBatch("p", schemas=[SchemaSighting("search", "h1", {"a": "string"}, 5)]))
    everything = [json.loads(document) for document in itertools.chain(*store.schemas("p", None))]
    assert [(found["stepName"], found["lastSeenAt"]) for found in everything] == [
        ("rank", "1970-01-01T00:00:03.000Z"),
        ("search", "1970-01-01T00:00:00.005Z"),
    ]
    (found,) = [json.loads(document) for document in itertools.chain(*store.schemas("p", "rank"))]
    assert (found["schemaHash"], found["schemaShape"]) == ("h1", {"a": {"b": "number"}})
    assert list(store.schemas("another", None)) == []


def test_two_projects_with_the_same_ids_never_meet(store: Store) -> None:
    for project in ("p", "q"):
        store.write(
            EventBatch(
                project,
                traces=[start(of=project), success(of=project)],
                steps=[step("s1", metadata={"of": project})],
                data=[data("d1", content=project.encode())],
                schemas=[SchemaSighting("rank", "h", {"of": "string", project: "null"}, 1)],
            )
        )
    for project in ("p", "q"):
        assert [found["metadata"] for found in all_steps(store, project)] == [{"of": project}]
        assert trace_of(store, project_id=project)["successMetadata"] == {"of": project}
        found = store.data(project, "trace", "d1")
        assert found is not None
        assert found.content == project.encode()
        ((shape,),) = store.schemas(project, None)
        assert project in json.loads(shape)["schemaShape"]
        widened = store.query(
            "steps", project, Compare(("projectId",), "eq", "pq".replace(project, "")), limit=9, after=None
        )
        assert not widened.documents
        assert len(store.traces(project, status=None, start_ms=None, end_ms=None, limit=9, after=None).documents) == 1


def test_events_give_the_same_result_in_every_order_through_two_connections(opener: Opener) -> None:
    rng = random.Random(7)
    events = [start(at=T0 + n % 3, key=n % 5, **{f"k{n % 4}": n}) for n in range(8)]
    events += [success(at=T0 + n, a=n) for n in range(4)] + [failure(at=T0 + n, b=n) for n in range(4)]
    expected_store = opener()
    expected_store.write(EventBatch("expected", traces=events, steps=[step("s", at=T0 - 4)]))
    expected = trace_of(expected_store, project_id="expected")
    for round_number in range(5):
        project = f"p{round_number}"
        stores = [opener(), opener()]
        batches = [EventBatch(project, traces=rng.sample(events, len(events))[:9]) for _ in range(6)]
        batches += [EventBatch(project, traces=[event]) for event in rng.sample(events, len(events))]
        batches.append(EventBatch(project, steps=[step("s", at=T0 - 4)]))
        rng.shuffle(batches)
        in_threads(2, lambda n, batches=batches, stores=stores: [stores[n].write(b) for b in batches[n::2]])  # type: ignore[misc]
        assert without_ids(trace_of(stores[0], project_id=project)) == without_ids(expected)


def without_ids(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in ("_id", "projectId")}


# -- reading ------------------------------------------------------------------------------------------------


def test_steps_of_a_trace_come_by_number_then_time_then_id_with_null_last(store: Store) -> None:
    store.write(
        EventBatch(
            "p",
            steps=[
                step("e", at=T0, stepNumber=None),
                step("d", at=T0 + 9, stepNumber=2),
                step("b", at=T0 + 1, stepNumber=10),
                step("c", at=T0, stepNumber=2),
                step("a", at=T0, stepNumber=2),
                step("z", "another", stepNumber=1),
            ],
        )
    )
    listed = [json.loads(found)["stepId"] for found in store.steps_of("p", "trace", limit=99, after=None).documents]
    assert listed == ["a", "c", "d", "b", "e"]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7])
def test_each_step_of_a_trace_comes_once_from_page_to_page_whatever_is_stored_meanwhile(
    store: Store, size: int
) -> None:
    numbers = [1, 1, 2, None, 5, None]
    store.write(EventBatch("p", steps=[step(f"old{n}", at=T0, stepNumber=found) for n, found in enumerate(numbers)]))
    page = store.steps_of("p", "trace", limit=size, after=None)
    seen = list(page.documents)
    for before, number in enumerate([0, 1, 5, None]):  # some lie before the page's end, some behind it
        store.write(EventBatch("p", steps=[step(f"new{before}", at=T0 - before, stepNumber=number)]))
    while page.next_position is not None:
        page = store.steps_of("p", "trace", limit=size, after=page.next_position)
        seen += page.documents
    listed = [json.loads(found)["stepId"] for found in seen]
    assert [found for found in listed if found.startswith("old")] == ["old0", "old1", "old2", "old4", "old3", "old5"]
    assert len(set(listed)) == len(listed)


def test_traces_are_listed_newest_first_within_status_and_time(store: Store) -> None:
    store.write(EventBatch("p", traces=[start(f"t{n}", at=n) for n in range(10)]))
    store.write(EventBatch("p", traces=[success("t3", at=50), failure("t4", at=50), success("t5", at=50)]))

    def listed(**options: Any) -> list[str]:
        given = {"status": None, "start_ms": None, "end_ms": None, "limit": 2, **options}
        return [found["traceId"] for found in pages(lambda after: store.traces("p", after=after, **given))]

    assert listed() == [f"t{n}" for n in range(9, -1, -1)]
    assert listed(status="success") == ["t5", "t3"]
    assert listed(status="pending", start_ms=2, end_ms=6) == ["t6", "t2"]
    assert listed(status="nonsense") == []


def test_paging_gives_each_step_once_while_others_are_inserted(store: Store) -> None:
    store.write(EventBatch("p", steps=[step(f"s{n:02}", at=T0 + n // 4) for n in range(20)]))
    inserted = iter(range(100))

    def insert() -> None:
        number = next(inserted)
        store.write(EventBatch("p", steps=[step(f"new{number}", at=T0 + number % 9)]))

    found = all_steps(store, between=insert)
    assert sorted(f["stepId"] for f in found if f["stepId"].startswith("s")) == [f"s{n:02}" for n in range(20)]
    order = [(f["timestamp"], f["_id"]) for f in found]
    assert order == sorted(order, reverse=True)
    assert len(set(order)) == len(order)


SORTED_VALUES: list[Any] = [
    3, -1, 2.5, 2**53 + 1, 0, "b", "a", "", "ab" * 60 + "x", "ab" * 60 + "c", "ab" * 60, True, False, None,
    {"k": 2}, {"k": 1}, {"j": "x"}, {}, "B", 10, 9, "10",
]  # fmt: skip
IN_ORDER: list[Any] = [
    None, -1, 0, 2.5, 3, 9, 10, 2**53 + 1, "", "10", "B", "a", "ab" * 60, "ab" * 60 + "c", "ab" * 60 + "x", "b",
    {}, {"k": 1}, {"k": 2}, {"j": "x"}, False, True,
]  # fmt: skip
"""Types in MongoDB's order: null, numbers, strings, objects (by type of the value, key, value), booleans."""


@pytest.mark.parametrize("direction", [1, -1])
def test_a_sorted_query_orders_types_and_values_as_mongodb_does(store: Store, direction: Literal[1, -1]) -> None:
    for number, value in enumerate(SORTED_VALUES):
        store.write(EventBatch("p", steps=[step(f"s{number}", metadata={"v": value})]))
    store.write(EventBatch("p", steps=[step("missing", metadata={}), step("empty", metadata={"v": []})]))
    sort = Sort(("metadata", "v"), direction)
    found = pages(lambda after: store.query("steps", "p", EVERYTHING, sort=sort, limit=2, after=after))
    values = [document["metadata"].get("v") for document in found]
    expected = [[], None, *IN_ORDER]  # an empty array comes first; what is missing is null
    assert values == (expected if direction == 1 else expected[::-1])


def test_an_array_is_sorted_by_its_least_element_and_backwards_by_its_greatest(store: Store) -> None:
    for name, value in [("a", [5, 1]), ("b", 3), ("c", [4, "x"]), ("d", [{"k": 1}, 2])]:
        store.write(EventBatch("p", steps=[step(name, metadata={"v": value})]))
    for direction, expected in ((1, "adbc"), (-1, "dcab")):
        sort = Sort(("metadata", "v"), 1 if direction == 1 else -1)
        page = store.query("steps", "p", EVERYTHING, sort=sort, limit=9, after=None)
        assert "".join(json.loads(document)["stepId"] for document in page.documents) == expected


SORTS = [
    None,
    Sort(("timestamp",), 1),
    Sort(("timestamp",), -1),
    Sort(("_id",), 1),
    Sort(("_id",), -1),
    Sort(("stepName",), 1),
    Sort(("metadata", "few"), 1),
    Sort(("metadata", "few"), -1),
    Sort(("metadata", "score"), 1),
    Sort(("metadata", "score"), -1),
    Sort(("metadata", "mixed"), 1),
    Sort(("metadata", "mixed"), -1),
    Sort(("metadata", "nowhere"), 1),
    Sort(("metadata", "deep", "v"), -1),
]


@pytest.mark.parametrize("sort", SORTS, ids=str)
def test_rows_that_stay_come_once_each_in_every_order_while_others_are_inserted(
    store: Store, sort: Sort | None
) -> None:
    chance = random.Random(7)

    def random_step(name: str) -> StepRecord:
        mixed = chance.choice([None, 1, 2.5, "x", "y" * 120 + chance.choice("ab"), {"k": chance.randint(0, 2)}, True])
        metadata = {"few": chance.choice("ab"), "score": chance.random(), "deep": {"v": chance.choice([1, "1", None])}}
        if mixed is not True or chance.random() < 0.5:
            metadata["mixed"] = mixed
        return step(name, at=T0 + chance.randint(0, 5), metadata=metadata, stepName=chance.choice("abc"))

    store.write(EventBatch("p", steps=[random_step(f"stays-{number}") for number in range(40)]))
    inserted, bursts = itertools.count(), itertools.count()

    def insert() -> None:
        # An end must come: in the order of `_id`, all that is new lies ahead.
        if next(bursts) < 20:
            store.write(EventBatch("p", steps=[random_step(f"new-{next(inserted)}") for _ in range(3)]))

    found = pages(lambda after: store.query("steps", "p", EVERYTHING, sort=sort, limit=3, after=after), between=insert)
    stayed = [document["stepId"] for document in found if document["stepId"].startswith("stays")]
    assert sorted(stayed) == sorted(f"stays-{number}" for number in range(40))
    assert len({document["stepId"] for document in found}) == len(found)


def test_traces_are_sorted_by_the_time_they_ended_those_that_run_first(store: Store) -> None:
    for number, name in enumerate(["late", "early", "running"]):
        store.write(EventBatch("p", traces=[start(name, at=T0 + number)]))
    store.write(EventBatch("p", traces=[success("late", at=T0 + 90), success("early", at=T0 + 10)]))
    page = store.query("traces", "p", EVERYTHING, sort=Sort(("endedAt",), 1), limit=9, after=None)
    assert [json.loads(document)["traceId"] for document in page.documents] == ["running", "early", "late"]
    following = store.query("traces", "p", EVERYTHING, sort=Sort(("endedAt",), 1), limit=2, after=None).next_position
    assert isinstance(following, FieldPosition)
    rest = store.query("traces", "p", EVERYTHING, sort=Sort(("endedAt",), 1), limit=2, after=following)
    assert [json.loads(document)["traceId"] for document in rest.documents] == ["late"]


def test_a_count_is_of_all_that_match_whatever_the_page(store: Store) -> None:
    store.write(EventBatch("p", steps=[step(f"s{n}", metadata={"n": n, "tags": [n, n]}) for n in range(30)]))
    store.write(EventBatch("q", steps=[step("other", metadata={"n": 1})]))
    assert store.count("steps", "p", EVERYTHING) == 30
    assert store.count("steps", "p", Compare(("metadata", "n"), "gte", 10)) == 20
    assert store.count("steps", "p", Compare(("metadata", "tags"), "lt", 3)) == 3
    assert store.count("steps", "p", Compare(("metadata", "nowhere"), "eq", 1)) == 0
    assert store.count("traces", "p", EVERYTHING) == 1


def test_a_query_finds_what_its_condition_says(store: Store) -> None:
    store.write(
        EventBatch("p", steps=[step(f"s{n}", at=T0 + n, metadata={"n": n, "tags": ["a", n]}) for n in range(9)])
    )

    def found(*conditions: Any) -> list[str]:
        page = store.query("steps", "p", And(conditions), limit=100, after=None)
        return [json.loads(document)["stepId"] for document in page.documents]

    assert found(Compare(("metadata", "n"), "gte", 7)) == ["s8", "s7"]
    assert found(Compare(("metadata", "tags"), "eq", 4)) == ["s4"]
    assert found(Compare(("timestamp",), "lt", Date(int(T0) + 2))) == ["s1", "s0"]
    assert found(Not(Exists(("metadata", "n")))) == []
    ended = store.query("traces", "p", Exists(("endedAt",)), limit=9, after=None)
    assert not ended.documents
    store.write(EventBatch("p", traces=[success()]))
    (trace,) = store.query("traces", "p", Exists(("endedAt",)), limit=9, after=None).documents
    assert json.loads(trace)["status"] == "success"


def test_what_is_not_there_is_none_or_empty(store: Store) -> None:
    assert store.trace("p", "nowhere") is None
    assert store.data("p", "nowhere", "d") is None
    assert list(store.steps_of("p", "nowhere", limit=9, after=None).documents) == []
    page = store.query("steps", "p", EVERYTHING, limit=9, after=None)
    assert (list(page.documents), page.next_position) == ([], None)


# -- life ---------------------------------------------------------------------------------------------------


def test_what_was_written_is_there_after_opening_again(opener: Opener) -> None:
    first = opener()
    first.write(EventBatch("p", traces=[start(a=1)], steps=[step("s1")]))
    first.close()
    second = opener()
    assert trace_of(second)["metadata"] == {"a": 1}
    assert len(all_steps(second)) == 1


def test_a_closed_store_says_that_it_is_away(store: Store) -> None:
    store.ping()
    store.write(EventBatch("p", steps=[step("s1")]))
    store.close()
    store.close()
    with pytest.raises(Unavailable) as caught:
        store.write(EventBatch("p", steps=[step("s2")]))
    assert caught.value.retry_after_seconds
    with pytest.raises(Unavailable):
        store.ping()


def test_sixteen_threads_write_and_lose_nothing(store: Store) -> None:
    def write(thread: int) -> list[WriteResult]:
        return [
            store.write(
                EventBatch("p", steps=[step(f"s{thread}-{n}-{i}", f"t{n}") for i in range(5)] + [step("shared")])
            )
            for n in range(12)
        ]

    results = [result for results in in_threads(16, write) for result in results]
    assert sum(result.stored for result in results) == 16 * 12 * 5 + 1
    assert sum(result.repeated for result in results) == 16 * 12 - 1
    assert len(all_steps_at_once(store)) == 16 * 12 * 5 + 1


def all_steps_at_once(store: Store) -> list[Any]:
    return list(store.query("steps", "p", EVERYTHING, limit=10_000, after=None).documents)


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run the work in threads that begin together, and return what each returned."""
    results: list[Any] = [None] * count
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait(30)
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return results


def outcome_of(action: Callable[[], object]) -> str:
    try:
        return type(action()).__name__
    except Conflict as error:
        return type(error).__name__
