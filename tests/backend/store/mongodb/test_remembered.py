"""What a writer remembers of a project saves commands, and never what was deleted or what is kept."""

from tests.backend.store.mongodb.clock import SetClock
from tests.backend.store.mongodb.place import Place
from tests.backend.store.mongodb.watching import seen_by
from tests.contract.stores import Opener
from tests.contract.test_deletions import DAY_MS, full_trace, is_empty, keep_for, remove_all
from tests.contract.test_store import data, step
from xray_backend.store.records import EventBatch, WriteResult

OLD_DAYS = 40


def test_a_batch_of_new_steps_and_traces_is_six_commands_however_large_it_is(opener: Opener) -> None:
    store = opener()
    store.write(full_trace("first"))
    commands: list[str] = []
    steps = [step(f"s{number}", f"t{number // 5}") for number in range(1000)]
    with seen_by(lambda name, collection: commands.append(f"{name} {collection}")):
        assert store.write(EventBatch("p", steps=steps)).stored == 1000
    assert commands == [
        "find deletedTraces",
        "insert steps",
        "find traces",
        "insert traces",
        "find deletedProjects",
        "find deletedTraces",
    ]


def test_a_project_that_another_deletes_between_two_batches_stays_deleted(
    opener: Opener, place: Place, clock: SetClock
) -> None:
    writer, other = opener(), opener()
    keep_for(other, 30)
    assert writer.write(full_trace("first")).stored > 0
    assert other.delete_project("p")
    remove_all(other)
    late = full_trace("late")
    for _ in range(2):
        assert writer.write(late) == WriteResult(0, 0, deleted=len(late.traces) + len(late.steps) + len(late.data))
        assert is_empty(other, "late")
    remove_all(other)
    clock.now_ms += DAY_MS
    remove_all(other)
    names = ("traces", "steps", "data", "metadataSchemas", "mergedSchemas")
    assert [place.count(name) for name in names] == [0] * len(names)


def test_a_retention_that_another_makes_longer_counts_at_once(opener: Opener, clock: SetClock) -> None:
    writer, other = opener(), opener()
    keep_for(other, 30)
    old = EventBatch("p", steps=[step("old", "old", at=clock.now_ms - OLD_DAYS * DAY_MS)], data=[data("d", "young")])
    assert writer.write(old) == WriteResult(1, 0, deleted=1)
    other.update_project("p", name=None, retention_days=None)
    assert writer.write(old).deleted == 0


def test_a_retention_that_another_makes_shorter_counts_after_some_seconds(opener: Opener, clock: SetClock) -> None:
    writer, other = opener(), opener()
    keep_for(other, 50)
    assert writer.write(full_trace("first")).stored > 0
    other.update_project("p", name="P", retention_days=30)
    clock.now_ms += 5_000
    old = EventBatch("p", steps=[step("old", "old", at=clock.now_ms - OLD_DAYS * DAY_MS)])
    assert writer.write(old).deleted == 1
