"""What the store tells of itself."""

from contextlib import closing

import pytest

from tests.backend.store.mongodb.place import Place
from tests.contract.test_store import step
from tests.servers.java_mongo import JavaMongo
from xray_backend.store.mongodb.layout import prepare
from xray_backend.store.mongodb.store import MongoStore
from xray_backend.store.records import EventBatch, StoreState


def test_the_size_of_the_database_is_what_its_server_tells(place: Place) -> None:
    place.open().write(EventBatch("p", steps=[step("s", metadata={"text": "x" * 100_000})]))
    state = place.open().state()
    assert state.database_bytes > 0
    assert (state.waiting_calls, state.log_bytes) == (0, 0)


def test_a_database_that_is_away_or_closed_has_a_state_all_the_same() -> None:
    store = MongoStore("mongodb://127.0.0.1:1/xray")
    assert store.state() == StoreState(0, 0, 0)
    store.close()
    assert store.state() == StoreState(0, 0, 0)
    closed = MongoStore("mongodb://127.0.0.1:1/xray")
    closed.close()
    assert closed.state() == StoreState(0, 0, 0)


@pytest.mark.live
def test_a_server_that_knows_little_does_not_make_it_fail() -> None:
    with JavaMongo() as server:
        prepare(server.url)
        with closing(MongoStore(server.url)) as store:
            store.check_layout()
            assert store.state().database_bytes >= 0
            assert store.write(EventBatch("p", steps=[step("s")])).stored == 1
