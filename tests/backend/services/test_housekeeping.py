"""The work in the background: one owner at a time, woken at once, ended cleanly, and alive whatever fails."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backend.background import wait_until
from tests.contract.test_store import data, start, step
from xray_backend.blobs.files import FileBlobStore
from xray_backend.blobs.signing import UrlSigner
from xray_backend.errors import Unavailable
from xray_backend.metrics import Metrics
from xray_backend.services.housekeeping import Housekeeper
from xray_backend.store.deletions import DeletionPiece, PieceRemoval
from xray_backend.store.records import EventBatch
from xray_backend.store.sqlite.store import SqliteStore

SOON_SECONDS = 30


class Watched(SqliteStore):
    """A store that tells when it was looked through, and may be told to fail."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.found_nothing = threading.Event()
        self.on_remove: Callable[[], object] = lambda: None
        self.workers: set[int] = set()

    def next_deletion(self, limit: int) -> DeletionPiece | None:
        piece = super().next_deletion(limit)
        if piece is None:
            self.found_nothing.set()
        return piece

    def remove(self, piece: DeletionPiece, limit: int) -> PieceRemoval:
        self.workers.add(threading.get_ident())
        self.on_remove()
        return super().remove(piece, limit)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path / "store.db")
    yield made
    made.close()


@pytest.fixture
def blobs(tmp_path: Path, store: Watched) -> FileBlobStore:
    signer = UrlSigner("http://h", "s" * 32)
    return FileBlobStore(tmp_path / "blobs", signer, store.recorded_data, max_blob_bytes=1000)


@pytest.fixture
def make(tmp_path: Path, store: Watched, blobs: FileBlobStore) -> Iterator[Callable[[], Housekeeper]]:
    made: list[Housekeeper] = []

    def make_one() -> Housekeeper:
        made.append(Housekeeper(store, blobs, Metrics(), tmp_path / "lock", sweep_seconds=3600))
        return made[-1]

    yield make_one
    for keeper in made:
        keeper.stop()


def delete(store: Watched, trace_id: str, steps: int = 5) -> None:
    made = [step(f"{trace_id}-{number}", trace_id) for number in range(steps)]
    store.write(EventBatch("p", traces=[start(trace_id)], steps=made, data=[data(f"{trace_id}-d", trace_id)]))
    store.found_nothing.clear()
    assert store.delete_trace("p", trace_id)


def test_what_was_deleted_before_the_start_and_what_is_deleted_later_is_removed(
    store: Watched, make: Callable[[], Housekeeper]
) -> None:
    delete(store, "before")
    keeper = make()
    keeper.start()
    assert store.found_nothing.wait(SOON_SECONDS)
    assert store.next_deletion(1) is None
    delete(store, "later")
    keeper.wake()
    assert store.found_nothing.wait(SOON_SECONDS)


def test_of_two_owners_one_works_and_the_other_takes_over_when_it_ends(
    store: Watched, make: Callable[[], Housekeeper]
) -> None:
    first, second = make(), make()
    first.start()
    assert store.found_nothing.wait(SOON_SECONDS)
    second.start()
    for number in range(3):
        delete(store, f"trace-{number}")
        second.wake()
        first.wake()
        assert store.found_nothing.wait(SOON_SECONDS)
    assert len(store.workers) == 1
    first.stop()
    delete(store, "last")
    second.wake()
    assert store.found_nothing.wait(SOON_SECONDS)
    assert len(store.workers) == 2


def test_a_store_that_is_away_is_tried_again(store: Watched, make: Callable[[], Housekeeper]) -> None:
    failures: list[Exception] = [Unavailable("away"), RuntimeError("a mistake")]

    def fail() -> None:
        if failures:
            raise failures.pop()

    store.on_remove = fail
    delete(store, "doomed")
    keeper = make()
    keeper.start()
    while not store.found_nothing.wait(0.01):
        keeper.wake()
    assert failures == []


def test_why_it_waits_is_said_once_and_again_when_it_waits_again(
    store: Watched, make: Callable[[], Housekeeper], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "lock").mkdir()
    keeper = make()
    delete(store, "doomed")
    keeper.start()
    for _ in range(200):
        keeper.wake()
        assert not store.found_nothing.wait(0.001)
    (tmp_path / "lock").rmdir()
    while not store.found_nothing.wait(0.01):
        keeper.wake()
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"housekeeping waits: The lock {tmp_path / 'lock'} cannot be taken: Is a directory."]


def test_a_stop_ends_after_the_piece_at_work_and_the_next_start_goes_on(
    store: Watched, make: Callable[[], Housekeeper]
) -> None:
    working, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        working.set()
        assert go_on.wait(SOON_SECONDS)

    store.on_remove = wait
    delete(store, "doomed", steps=1000)
    keeper = make()
    keeper.start()
    assert working.wait(SOON_SECONDS)
    stopping = threading.Thread(target=keeper.stop)
    stopping.start()
    while not keeper.is_stopping:
        stopping.join(0.001)
    go_on.set()
    stopping.join(SOON_SECONDS)
    assert not stopping.is_alive()
    assert store.next_deletion(1) is not None
    assert not store.found_nothing.is_set()
    make().start()
    assert store.found_nothing.wait(SOON_SECONDS)
    keeper.stop()


class Sharing(SqliteStore):
    """One server's view of the store that several share; it counts how often it was asked who sweeps."""

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        super().__init__(path, clock=clock)
        self.asked = 0

    def count_attempt(self, key: str, limit: int, window_seconds: int) -> bool:
        claimed = super().count_attempt(key, limit, window_seconds)
        self.asked += 1
        return claimed


class Swept(FileBlobStore):
    """Blobs that several share, which may be away."""

    sweeps = 0
    is_away = False

    def sweep(self) -> Iterator[int]:
        self.sweeps += 1
        if self.is_away:
            raise Unavailable("away")
        return super().sweep()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[list[Sharing], Swept, list[Housekeeper], list[float]]]:
    """Three servers with a directory each, on one store and one bucket, and the time that all of them see."""
    now = [1_000_000.0]
    stores = [Sharing(tmp_path / "store.db", lambda: int(now[0] * 1000)) for _ in range(3)]
    blobs = Swept(tmp_path / "blobs", UrlSigner("http://h", "s" * 32), stores[0].recorded_data, max_blob_bytes=1000)
    keepers = [
        Housekeeper(
            store,
            blobs,
            Metrics(),
            tmp_path / f"lock-{number}",
            sweep_seconds=3600,
            is_shared=True,
            monotonic=lambda: now[0],
        )
        for number, store in enumerate(stores)
    ]
    yield stores, blobs, keepers, now
    for keeper in keepers:
        keeper.stop()
    for store in stores:
        store.close()


def ask_all(stores: list[Sharing], keepers: list[Housekeeper], times: int) -> None:
    """Let each server look so often that all, but for the one that sweeps, have asked whether they may."""
    before = [store.asked for store in stores]

    def all_asked() -> bool:
        for keeper in keepers:
            keeper.wake()
        counts = sorted(store.asked - count for store, count in zip(stores, before, strict=True))
        return all(count >= times for count in counts[1:])

    wait_until(all_asked)


def test_of_several_servers_on_one_bucket_one_sweeps_in_each_period(
    servers: tuple[list[Sharing], Swept, list[Housekeeper], list[float]],
) -> None:
    stores, blobs, keepers, now = servers
    for keeper in keepers:
        keeper.start()
    for period in range(1, 4):
        ask_all(stores, keepers, 3)
        wait_until(lambda done=period: blobs.sweeps >= done)
        ask_all(stores, keepers, 3)
        assert blobs.sweeps == period
        now[0] += 3601


def test_a_sweep_that_fails_is_tried_again_by_the_one_who_has_it(
    servers: tuple[list[Sharing], Swept, list[Housekeeper], list[float]],
) -> None:
    stores, blobs, keepers, _ = servers
    blobs.is_away = True
    keepers[0].start()

    def swept_again() -> bool:
        keepers[0].wake()
        return blobs.sweeps >= 3

    wait_until(swept_again)
    assert stores[0].asked == 1
    keepers[1].start()
    wait_until(lambda: stores[1].asked >= 1)
    blobs.is_away = False
    count = blobs.sweeps
    wait_until(lambda: swept_again() and blobs.sweeps > count)
    ask_all(stores[:2], keepers[:2], 3)
    assert blobs.sweeps == count + 1


def test_a_stop_before_the_start_does_nothing(make: Callable[[], Housekeeper]) -> None:
    make().stop()


def test_blobs_go_before_the_records_that_lead_to_them(
    store: Watched, make: Callable[[], Housekeeper], tmp_path: Path
) -> None:
    path = tmp_path / "blobs" / "p" / "doomed-d"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    seen: list[bool] = []
    store.on_remove = lambda: seen.append(path.exists())
    delete(store, "doomed")
    make().start()
    assert store.found_nothing.wait(SOON_SECONDS)
    assert seen
    assert not any(seen)
