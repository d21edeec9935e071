"""How long a key is remembered."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xray_backend.auth.api_keys import AGAIN_SECONDS, ApiKeys
from xray_backend.errors import NotFound, Unauthorized, Unavailable
from xray_backend.ids import new_object_id
from xray_backend.services.projects import Projects
from xray_backend.store.base import Store
from xray_backend.store.records import KeyOwner, User
from xray_backend.store.sqlite.store import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = SqliteStore(tmp_path / "xray.db")
    yield made
    made.close()


@pytest.fixture
def project_id(store: Store) -> str:
    user = User(new_object_id(), "a@example.org", "A", "hash")
    store.create_user(user)
    return Projects(store).create("P", user.user_id).project_id


def test_a_key_revoked_by_another_process_stops_within_thirty_seconds(store: Store, project_id: str) -> None:
    now = [1000.0]
    here, elsewhere = ApiKeys(store, lambda: now[0]), ApiKeys(store)
    made = here.create(project_id, "K")
    assert here.owner(made.key).project_id == project_id
    elsewhere.revoke(project_id, made.key_id)
    now[0] += 30
    with pytest.raises(Unauthorized, match="unknown or revoked"):
        here.owner(made.key)


class Fickle(SqliteStore):
    """A store that may be away, or slow to tell whose a key is."""

    is_away = False
    before_telling: Callable[[], object] = staticmethod(lambda: None)

    def key_owner(self, key_hash: str) -> KeyOwner | None:
        self.before_telling()
        if self.is_away:
            raise Unavailable("The database cannot be reached.")
        return super().key_owner(key_hash)


@pytest.fixture
def fickle(tmp_path: Path, store: Store) -> Iterator[Fickle]:
    made = Fickle(tmp_path / "xray.db")
    yield made
    made.close()


class Known:
    """A key that was recognised at second 1000 of the clock that it is remembered by."""

    def __init__(self, store: Store, project_id: str) -> None:
        self.now = 1000.0
        self.keys = ApiKeys(store, lambda: self.now)
        self.made = self.keys.create(project_id, "K")
        assert self.key_id() == self.made.key_id

    def key_id(self) -> str:
        """Have it recognised."""
        return self.keys.owner(self.made.key).key_id


@pytest.fixture
def known(fickle: Fickle, project_id: str) -> Known:
    return Known(fickle, project_id)


def test_a_key_is_believed_for_twenty_five_seconds_while_the_store_cannot_tell(
    fickle: Fickle, known: Known, project_id: str
) -> None:
    other = known.keys.create(project_id, "L")
    fickle.is_away = True
    for known.now in (1009.0, 1011.0, 1016.5, 1024.9):
        assert known.key_id() == known.made.key_id
        with pytest.raises(Unavailable):
            known.keys.owner(other.key)  # of which nothing is known
    known.now = 1025.0
    with pytest.raises(Unavailable):
        known.key_id()
    fickle.is_away = False
    assert known.key_id() == known.made.key_id


def test_a_key_that_was_revoked_while_the_store_was_away_stops_once_it_answers(
    fickle: Fickle, known: Known, project_id: str
) -> None:
    ApiKeys(fickle).revoke(project_id, known.made.key_id)
    fickle.is_away = True
    known.now += 11
    known.key_id()
    fickle.is_away = False
    known.now += AGAIN_SECONDS
    for _ in range(2):
        with pytest.raises(Unauthorized):
            known.key_id()
    fickle.is_away = True
    with pytest.raises(Unavailable):
        known.key_id()


def test_a_store_that_takes_long_to_fail_does_not_make_a_key_count_for_longer(fickle: Fickle, known: Known) -> None:
    fickle.is_away = True
    fickle.before_telling = lambda: setattr(known, "now", 1060.0)
    known.now += 20
    with pytest.raises(Unavailable):
        known.key_id()


def test_while_one_request_waits_for_the_store_the_others_do_not(fickle: Fickle, known: Known) -> None:
    known.now += 11
    asked, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        asked.set()
        assert go_on.wait(30)

    fickle.before_telling = wait
    first = threading.Thread(target=known.key_id)
    first.start()
    try:
        assert asked.wait(30)
        assert known.key_id() == known.made.key_id
    finally:
        go_on.set()
        first.join(30)


def test_a_key_revoked_here_stops_at_once(store: Store, project_id: str) -> None:
    keys = ApiKeys(store)
    made = keys.create(project_id, "K")
    assert keys.owner(made.key).key_id == made.key_id
    keys.revoke(project_id, made.key_id)
    with pytest.raises(Unauthorized):
        keys.owner(made.key)


def test_a_key_works_as_soon_as_it_is_made(store: Store, project_id: str) -> None:
    keys = ApiKeys(store)
    for _ in range(3):
        made = keys.create(project_id, "K")
        assert keys.owner(made.key).key_id == made.key_id


def test_the_store_never_sees_a_key(store: Store, project_id: str, tmp_path: Path) -> None:
    made = ApiKeys(store).create(project_id, "K")
    store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert made.key.removeprefix("xray_sk_").encode() not in kept
    assert made.key not in repr(made)


def test_a_key_that_is_not_there_cannot_be_revoked(store: Store, project_id: str) -> None:
    with pytest.raises(NotFound):
        ApiKeys(store).revoke(project_id, "0" * 24)
