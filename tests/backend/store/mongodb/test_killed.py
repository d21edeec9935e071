"""A process that is killed before any of its writes leaves nothing half done, as far as anybody can see."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator

import pytest

from tests.backend.store.mongodb.clock import NOW, SetClock
from tests.backend.store.mongodb.killed_program import HOUR_MS, PROJECT, run
from tests.backend.store.mongodb.place import Place
from tests.contract.test_deletions import DAY_MS, full_trace, is_empty, remove_all
from xray_backend.store.base import Store
from xray_backend.store.records import ApiKey

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.backend.store.mongodb.killed_program"])
WRITES_AT_MOST = 60

PlaceMaker = Callable[[], Place]


def killed_before_each_write(another_place: PlaceMaker, deed: str, *traces: str) -> Iterator[tuple[Place, Store, bool]]:
    """Do the deed in one database after the other, killed before its 1st, 2nd, … write; the last comes to its end."""
    for nth in range(WRITES_AT_MOST):
        with another_place() as place:
            store = place.open()
            fill(store, *traces)
            process = PROCESSES.Process(target=run, args=(place.url, deed, nth))
            process.start()
            process.join()
            assert process.exitcode in (0, -signal.SIGKILL)
            yield place, store, process.exitcode == 0
        if process.exitcode == 0:
            assert nth > 0
            return
    raise AssertionError("it has no end")


def fill(store: Store, *traces: str) -> None:
    if traces:
        store.create_project(PROJECT, "ann")
        store.create_key(ApiKey("k", "p", "app", "xray_sk_abcd", "hash", 1, None, True))
    for trace_id in traces:
        store.write(full_trace(trace_id, steps=2))


def test_a_project_is_there_with_its_owner_or_nobody_sees_it(another_place: PlaceMaker) -> None:
    for _, store, ended in killed_before_each_write(another_place, "create_project"):
        listed = list(store.projects_of("ann"))
        assert listed == ([PROJECT] if ended else [])
        assert store.project("p") == (PROJECT if ended else None)
        assert store.role("p", "ann") == "owner" or not ended


def test_a_project_is_deleted_with_its_members_and_keys_or_not_at_all(another_place: PlaceMaker) -> None:
    for place, store, ended in killed_before_each_write(another_place, "delete_project", "doomed"):
        assert is_empty(store, "doomed") or not ended
        hidden = is_empty(store, "doomed")
        remove_all(store)
        assert is_empty(store, "doomed") == hidden
        access = (store.project("p"), store.role("p", "ann"), store.key_owner("hash"), list(store.projects_of("ann")))
        assert [bool(each) for each in access] == [not hidden] * 4
        left = [place.count(name, {"projectId": "p"}) for name in ("traces", "steps", "data", "metadataSchemas")]
        assert [count > 0 for count in left] == [not hidden] * 4
        assert store.delete_project("p") == (not hidden)


def test_a_trace_is_deleted_and_removed_whole_or_not_at_all(another_place: PlaceMaker) -> None:
    for place, store, ended in killed_before_each_write(another_place, "delete_trace", "doomed", "other"):
        hidden = is_empty(store, "doomed")
        assert hidden or not ended
        remove_all(store)
        assert is_empty(store, "doomed") == hidden
        left = [place.count(name, {"traceId": "doomed"}) for name in ("traces", "steps", "data")]
        assert left == ([0, 0, 0] if hidden else [1, 2, 2])
        assert not is_empty(store, "other")
        assert store.delete_trace("p", "doomed") == (not hidden)


def test_what_expires_goes_whole_wherever_the_sweep_ended(another_place: PlaceMaker, clock: SetClock) -> None:
    for place, store, _ in killed_before_each_write(another_place, "expire", "doomed"):
        clock.now_ms = NOW + 31 * DAY_MS
        while store.expire_traces(100):
            pass
        remove_all(store)
        assert is_empty(store, "doomed")
        assert not store.is_deleted("p", "doomed")
        assert [place.count(name) for name in ("traces", "steps", "data", "deletedTraces")] == [0, 0, 0, 0]
        clock.now_ms = NOW


@pytest.mark.parametrize("comes_again", [True, False], ids=["and its batch comes again", "and is never heard of again"])
@pytest.mark.parametrize("deed", ["late write", "project late write"], ids=["its trace", "its project"])
def test_a_writer_that_is_killed_while_others_delete_what_it_writes_leaves_nothing_of_it(
    another_place: PlaceMaker, clock: SetClock, deed: str, comes_again: bool
) -> None:
    for place, store, ended in killed_before_each_write(another_place, deed, "doomed"):
        assert is_empty(store, "doomed")
        if comes_again:
            assert store.write(full_trace("doomed")).stored == 0
        else:
            clock.now_ms = NOW + HOUR_MS
        assert is_empty(store, "doomed")
        remove_all(store)
        clock.now_ms = NOW + HOUR_MS
        remove_all(store)
        assert is_empty(store, "doomed")
        assert [place.count(name, {"traceId": "doomed"}) for name in ("traces", "steps", "data")] == [0, 0, 0], ended
        waiting = {"lookAt": {"$exists": True}}
        assert [place.count(name, waiting) for name in ("deletedTraces", "deletedProjects")] == [0, 0]
        clock.now_ms = NOW


def test_a_writer_that_stalled_for_longer_takes_back_what_it_wrote_or_its_batch_that_comes_again_does(
    another_place: PlaceMaker, clock: SetClock
) -> None:
    for place, store, ended in killed_before_each_write(another_place, "very late write", "doomed"):
        if ended:
            assert is_empty(store, "doomed")
        assert store.write(full_trace("doomed")).stored == 0
        assert is_empty(store, "doomed")
        clock.now_ms = NOW + HOUR_MS
        remove_all(store)
        assert is_empty(store, "doomed")
        assert [place.count(name, {"traceId": "doomed"}) for name in ("traces", "steps", "data")] == [0, 0, 0]
        clock.now_ms = NOW
