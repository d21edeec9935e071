"""What every store must do with what is deleted or too old: hide it at once, remove it in pieces, keep it away."""

import json
import threading

import pytest

from tests.contract.stores import Opener
from tests.contract.test_store import EVERYTHING, all_steps, data, start, step, success
from xray_backend.store.base import Store
from xray_backend.store.records import UNCHANGED, ApiKey, EventBatch, Project, SchemaSighting, WriteResult

DAY_MS = 24 * 60 * 60 * 1000
NOW = 1_700_000_000_000
PIECE = 3


class Clock:
    def __init__(self) -> None:
        self.now_ms = NOW

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


def full_trace(trace_id: str, *, at: float = NOW, steps: int = 5) -> EventBatch:
    """A trace with steps and data, in project p."""
    return EventBatch(
        "p",
        traces=[start(trace_id, at=at, name=trace_id), success(trace_id, at=at + 1)],
        steps=[step(f"{trace_id}-s{number}", trace_id, at=at + number) for number in range(steps)],
        data=[data(f"{trace_id}-d{number}", trace_id, content=b"x") for number in range(steps)],
        schemas=[SchemaSighting("rank", "hash", {"a": "number"}, NOW)],
    )


def is_empty(store: Store, trace_id: str, project_id: str = "p") -> bool:
    """Ask every reading method for the trace."""
    names = [f"{trace_id}-d{number}" for number in range(9)]
    listed = store.traces(project_id, status=None, start_ms=None, end_ms=None, limit=100, after=None).documents
    found = store.query("traces", project_id, EVERYTHING, limit=100, after=None).documents
    answers = [
        store.trace(project_id, trace_id),
        store.steps_of(project_id, trace_id, limit=100, after=None).documents,
        store.data_of(project_id, trace_id, names).documents,
        store.data(project_id, trace_id, f"{trace_id}-d0"),
        store.recorded_data(project_id, names),
        [document for document in (*listed, *found) if json.loads(document)["traceId"] == trace_id],
        [document for document in all_steps(store, project_id) if document["traceId"] == trace_id],
    ]
    assert {bool(answer) for answer in answers} in ({True}, {False})
    return not answers[0]


def remove_all(store: Store) -> int:
    """Remove piece by piece, as the server does; returns how many pieces it took."""
    for pieces in range(1000):
        piece = store.next_deletion(PIECE)
        if piece is None:
            return pieces
        assert len(piece.data_ids) <= PIECE
        assert store.remove(piece, PIECE).rows <= PIECE
    raise AssertionError("the removal does not end")


def expire_all(store: Store) -> int:
    expired = 0
    while found := store.expire_traces(PIECE):
        assert found <= PIECE
        expired += found
    return expired


def test_a_deleted_trace_is_hidden_at_once_and_then_removed_in_pieces_and_no_other_is(opener: Opener) -> None:
    store = opener()
    store.write(full_trace("doomed"))
    store.write(full_trace("other"))
    store.write(EventBatch("p2", traces=[start("doomed")], steps=[step("doomed-s0", "doomed")]))
    assert not is_empty(store, "doomed")
    assert store.delete_trace("p", "doomed")
    for reader in (store, opener()):
        assert is_empty(reader, "doomed")
        assert not is_empty(reader, "other")
    assert remove_all(store) > 3
    for reader in (store, opener()):
        assert is_empty(reader, "doomed")
        assert not is_empty(reader, "other")
        assert reader.trace("p2", "doomed") is not None
        assert len(all_steps(reader, "p2")) == 1
        assert reader.next_deletion(PIECE) is None


def test_only_a_trace_that_is_there_can_be_deleted_and_only_once(store: Store) -> None:
    assert not store.delete_trace("p", "none")
    assert not store.is_deleted("p", "none")
    store.write(full_trace("doomed"))
    assert not store.delete_trace("p2", "doomed")
    assert store.delete_trace("p", "doomed")
    assert not store.delete_trace("p", "doomed")
    assert store.is_deleted("p", "doomed")
    assert not store.is_deleted("p2", "doomed")
    remove_all(store)
    assert not store.delete_trace("p", "doomed")
    assert store.is_deleted("p", "doomed")


def test_data_that_came_before_its_trace_can_be_deleted(store: Store) -> None:
    store.write(EventBatch("p", data=[data("early-d0", "early")]))
    assert store.delete_trace("p", "early")
    assert not store.recorded_data("p", ["early-d0"])
    assert store.write(full_trace("early")).stored == 0


@pytest.mark.parametrize("removed", [False, True], ids=["while it is being removed", "when it is removed"])
def test_events_of_a_deleted_trace_change_nothing_and_are_counted(opener: Opener, removed: bool) -> None:
    store = opener()
    store.write(full_trace("doomed"))
    store.delete_trace("p", "doomed")
    if removed:
        remove_all(store)
    assert opener().write(full_trace("doomed")) == WriteResult(stored=0, repeated=0, deleted=12)
    late = [step("new", "doomed"), step("live", "live"), step("doomed-s1", "doomed", pending=True)]
    mixed = EventBatch("p", traces=[start("live"), start("doomed")], steps=late, data=[data("late", "doomed")])
    assert store.write(mixed) == WriteResult(stored=1, repeated=0, deleted=4)
    assert is_empty(store, "doomed")
    assert [found["stepId"] for found in all_steps(store)] == ["live"]
    remove_all(store)
    assert is_empty(store, "doomed")


def test_the_removal_goes_on_after_any_interruption(opener: Opener) -> None:
    store = opener()
    store.write(full_trace("doomed", steps=9))
    store.delete_trace("p", "doomed")
    pieces = 0
    while (piece := store.next_deletion(PIECE)) is not None:
        store.remove(piece, PIECE)
        store.remove(piece, PIECE)  # as where the answer was lost
        store.close()
        store = opener()
        pieces += 1
    assert pieces > 2
    assert is_empty(store, "doomed")
    assert store.is_deleted("p", "doomed")


def test_a_piece_names_the_values_whose_blobs_go_first_until_their_records_are_gone(store: Store) -> None:
    store.write(full_trace("doomed", steps=4))
    store.delete_trace("p", "doomed")
    seen: set[str] = set()
    while (piece := store.next_deletion(PIECE)) is not None:
        assert (piece.project_id, piece.trace_id) == ("p", "doomed")
        assert store.next_deletion(PIECE) == piece
        seen |= set(piece.data_ids)
        store.remove(piece, PIECE)
    assert seen == {f"doomed-d{number}" for number in range(4)}


def test_of_many_who_delete_one_trace_at_once_one_succeeds(store: Store) -> None:
    store.write(full_trace("doomed"))
    outcomes: list[bool] = []
    threads = [threading.Thread(target=lambda: outcomes.append(store.delete_trace("p", "doomed"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 7 + [True]


def a_project(store: Store, project_id: str) -> None:
    store.create_project(Project(project_id, "1" * 24, "One", 1, 1), "u1")
    store.create_key(
        ApiKey(f"key-{project_id}", project_id, "app", "xray_sk_abcd", f"hash-{project_id}", 1, None, True)
    )


def test_a_deleted_project_is_gone_at_once_with_its_members_and_keys(opener: Opener) -> None:
    store = opener()
    for project_id in ("p", "other"):
        a_project(store, project_id)
    store.write(full_trace("doomed"))
    store.write(full_trace("deleted before"))
    store.delete_trace("p", "deleted before")
    store.write(EventBatch("other", steps=[step("mine")]))
    assert store.delete_project("p")
    for _ in range(2):
        for reader in (store, opener()):
            assert reader.project("p") is None
            assert [project.project_id for project in reader.projects_of("u1")] == ["other"]
            assert (reader.role("p", "u1"), reader.role("other", "u1")) == (None, "owner")
            assert reader.key_owner("hash-p") is None
            assert reader.key_owner("hash-other") is not None
            assert reader.keys_of("p") == []
            assert list(reader.schemas("p", None)) == []
            assert reader.merged_schema("p", None).document == b"{}"
            assert is_empty(reader, "doomed")
            assert is_empty(reader, "deleted before")
            assert reader.is_deleted("p", "doomed")
            assert reader.is_deleted("p", "never seen")
            assert len(all_steps(reader, "other")) == 1
        remove_all(store)
    assert store.next_deletion(PIECE) is None
    assert not store.delete_project("p")
    assert not store.delete_project("nowhere")


@pytest.mark.parametrize("removed", [False, True], ids=["while it is being removed", "when it is removed"])
def test_events_of_a_deleted_project_change_nothing(store: Store, removed: bool) -> None:
    a_project(store, "p")
    store.write(full_trace("doomed"))
    store.delete_project("p")
    if removed:
        assert remove_all(store) > 2
    for trace_id in ("doomed", "new"):
        assert store.write(full_trace(trace_id)) == WriteResult(stored=0, repeated=0, deleted=12)
        assert is_empty(store, trace_id)
    assert list(store.schemas("p", None)) == []
    assert store.merged_schema("p", None).document == b"{}"
    remove_all(store)
    assert store.next_deletion(PIECE) is None


def test_others_write_between_the_pieces_and_lose_nothing(opener: Opener) -> None:
    store = opener()
    store.write(full_trace("doomed", steps=200))
    store.delete_trace("p", "doomed")
    stored: list[int] = []

    def record(number: int) -> None:
        other = opener()
        for index in range(25):
            stored.append(other.write(EventBatch("p", steps=[step(f"{number}-{index}", f"t{number}")])).stored)

    threads = [threading.Thread(target=record, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    assert remove_all(store) > 100
    for thread in threads:
        thread.join()
    assert sum(stored) == 75
    assert len(all_steps(store)) == 75


# -- retention ----------------------------------------------------------------------------------------------


def keep_for(store: Store, days: int | None) -> None:
    if store.project("p") is None:
        a_project(store, "p")
    assert store.update_project("p", name=None, retention_days=days)


def test_what_is_older_than_its_project_keeps_is_deleted(opener: Opener, clock: Clock) -> None:
    store = opener()
    keep_for(store, 30)
    ages = {f"age-{days}": days for days in (0, 29, 31, 40, 50, 60, 400)}
    for trace_id, days in ages.items():
        clock.now_ms = NOW - days * DAY_MS
        store.write(full_trace(trace_id, at=clock.now_ms))
    clock.now_ms = NOW
    assert expire_all(store) == 5
    for reader in (store, opener()):
        assert {trace_id for trace_id in ages if not is_empty(reader, trace_id)} == {"age-0", "age-29"}
    remove_all(store)
    assert {trace_id for trace_id in ages if not is_empty(store, trace_id)} == {"age-0", "age-29"}
    assert expire_all(store) == 0
    clock.now_ms += 2 * DAY_MS
    assert expire_all(store) == 1


def test_without_a_retention_nothing_is_ever_too_old(store: Store, clock: Clock) -> None:
    keep_for(store, None)
    store.write(full_trace("old", at=NOW - 9000 * DAY_MS))
    a_project(store, "p2")
    store.update_project("p2", name=None, retention_days=1)
    clock.now_ms += 9000 * DAY_MS
    assert expire_all(store) == 0
    assert store.write(full_trace("older", at=1)).stored == 10
    assert not is_empty(store, "old")


def test_a_trace_is_as_young_as_its_newest_step_and_its_end(store: Store, clock: Clock) -> None:
    keep_for(store, 30)
    old = NOW - 100 * DAY_MS
    clock.now_ms = old
    for trace_id in ("still running", "just ended", "ended long ago"):
        store.write(EventBatch("p", traces=[start(trace_id, at=old)], steps=[step(f"{trace_id} 1", trace_id, at=old)]))
    clock.now_ms = NOW
    store.write(
        EventBatch(
            "p",
            traces=[success("just ended", at=NOW), success("ended long ago", at=old + 5)],
            steps=[step("young", "still running", at=NOW)],
        )
    )
    assert expire_all(store) == 1
    remove_all(store)
    assert store.trace("p", "ended long ago") is None
    assert len(store.steps_of("p", "still running", limit=9, after=None).documents) == 2
    assert store.trace("p", "just ended") is not None


def test_events_of_an_expired_trace_that_come_again_change_nothing_though_no_tombstone_is_kept(
    store: Store, clock: Clock
) -> None:
    keep_for(store, 30)
    store.write(full_trace("expired", at=NOW))
    clock.now_ms += 31 * DAY_MS
    assert expire_all(store) == 1
    assert store.write(full_trace("expired", at=NOW)).deleted == 12
    remove_all(store)
    assert not store.is_deleted("p", "expired")
    again = store.write(full_trace("expired", at=NOW))
    assert (again.stored, again.deleted) == (0, 12)
    assert is_empty(store, "expired")
    fresh = EventBatch("p", steps=[step("fresh", "expired", at=clock.now_ms)])
    assert store.write(fresh).stored == 1  # it lives again, since it says something new


@pytest.mark.parametrize("what", ["step", "end", "value"])
def test_a_trace_to_which_something_young_comes_while_it_expires_lives_and_keeps_that(
    store: Store, clock: Clock, what: str
) -> None:
    keep_for(store, 30)
    store.write(full_trace("expiring", at=NOW))
    clock.now_ms += 31 * DAY_MS
    assert expire_all(store) == 1
    piece = store.next_deletion(PIECE)  # the server removes these blobs, and then comes back with the piece
    assert piece is not None
    young = {
        "step": EventBatch("p", steps=[step("young", "expiring", at=clock.now_ms)]),
        "end": EventBatch("p", traces=[success("expiring", at=clock.now_ms)]),
        "value": EventBatch("p", data=[data("young-d0", "expiring", content=b"y")]),  # its step is on its way
    }
    written = store.write(young[what])
    assert (written.deleted, store.is_deleted("p", "expiring")) == (0, False)
    store.remove(piece, PIECE)
    remove_all(store)
    store.write(young["step"])
    assert store.trace("p", "expiring") is not None
    steps = store.steps_of("p", "expiring", limit=9, after=None).documents
    assert "young" in {json.loads(document)["stepId"] for document in steps}
    names = [f"expiring-d{number}" for number in range(5)]
    assert not set(store.recorded_data("p", names)) & set(piece.data_ids)
    assert bool(store.recorded_data("p", ["young-d0"])) == (what == "value")
    assert expire_all(store) == 0


def test_a_trace_whose_old_values_come_again_while_it_expires_goes_all_the_same(store: Store, clock: Clock) -> None:
    keep_for(store, 30)
    whole = full_trace("expiring", at=NOW, steps=PIECE)
    store.write(whole)
    clock.now_ms += 31 * DAY_MS
    assert expire_all(store) == 1
    while piece := store.next_deletion(PIECE):
        store.write(EventBatch("p", data=[each for each in whole.data if each.data_id in piece.data_ids]))
        store.remove(piece, PIECE)
    for _ in range(2):
        clock.now_ms += 31 * DAY_MS
        expire_all(store)
        remove_all(store)
    assert is_empty(store, "expiring")
    assert not store.delete_trace("p", "expiring")


def test_a_value_that_has_just_come_keeps_its_trace_for_the_step_that_follows(store: Store, clock: Clock) -> None:
    keep_for(store, 30)
    store.write(full_trace("quiet", at=NOW))
    clock.now_ms += 31 * DAY_MS
    store.write(EventBatch("p", data=[data("young-d0", "quiet", content=b"y")]))
    assert expire_all(store) == 0
    clock.now_ms += DAY_MS
    assert expire_all(store) == 1
    remove_all(store)
    assert not store.recorded_data("p", ["young-d0"])


def test_an_expiring_trace_that_a_user_deletes_stays_deleted_for_young_events_too(store: Store, clock: Clock) -> None:
    keep_for(store, 30)
    store.write(full_trace("doomed", at=NOW))
    clock.now_ms += 31 * DAY_MS
    assert expire_all(store) == 1
    store.delete_trace("p", "doomed")
    young = EventBatch("p", steps=[step("young", "doomed", at=clock.now_ms)])
    assert (store.write(young).deleted, store.is_deleted("p", "doomed")) == (1, True)
    remove_all(store)
    assert store.write(young).deleted == 1


def test_an_old_event_of_a_trace_that_is_there_is_stored(store: Store) -> None:
    keep_for(store, 30)
    store.write(EventBatch("p", traces=[start("long", at=NOW)]))
    assert store.write(EventBatch("p", steps=[step("late", "long", at=NOW - 100 * DAY_MS)])).stored == 1


def test_data_whose_trace_never_came_is_as_old_as_its_arrival(store: Store, clock: Clock) -> None:
    keep_for(store, 30)
    store.write(EventBatch("p", data=[data(f"lone-d{number}", f"lone-{number}") for number in range(5)]))
    clock.now_ms += 29 * DAY_MS
    assert expire_all(store) == 0
    clock.now_ms += 2 * DAY_MS
    store.write(EventBatch("p", data=[data("young-d0", "young"), data("lone-young", "lone-4")]))
    store.write(EventBatch("p", traces=[start("lone-3", at=clock.now_ms)]))
    assert expire_all(store) == 3
    remove_all(store)
    names = ["lone-d0", "lone-d1", "lone-d2", "lone-d3", "lone-d4", "lone-young", "young-d0"]
    assert set(store.recorded_data("p", names)) == {"lone-d3", "lone-d4", "lone-young", "young-d0"}


def test_a_trace_that_expires_while_it_is_deleted_stays_deleted(store: Store, clock: Clock) -> None:
    keep_for(store, 30)
    store.write(full_trace("doomed", at=NOW))
    store.delete_trace("p", "doomed")
    clock.now_ms += 31 * DAY_MS
    assert expire_all(store) == 0
    remove_all(store)
    store.update_project("p", name=None, retention_days=None)
    assert store.is_deleted("p", "doomed")
    assert store.write(full_trace("doomed", at=NOW)).stored == 0


def test_setting_a_name_leaves_the_retention(store: Store, clock: Clock) -> None:
    keep_for(store, 30)
    store.update_project("p", name="Renamed", retention_days=UNCHANGED)
    store.write(full_trace("old", at=NOW))
    clock.now_ms += 31 * DAY_MS
    assert expire_all(store) == 1
