"""How long a key is remembered."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from xray_backend.auth.api_keys import ApiKeys
from xray_backend.errors import NotFound, Unauthorized
from xray_backend.ids import new_object_id
from xray_backend.services.projects import Projects
from xray_backend.store.base import Store
from xray_backend.store.records import User
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
