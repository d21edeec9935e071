"""A MongoStore in a database of its own."""

from collections.abc import Callable, Iterator

import pytest

from tests.backend.store.mongodb.clock import SetClock
from tests.backend.store.mongodb.place import Place
from tests.contract.stores import Opener
from xray_backend.store.base import Store

__all__ = ["clock", "opener", "place", "store"]


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def place(mongodb_url: str, clock: SetClock) -> Iterator[Place]:
    with Place(mongodb_url, clock) as place:
        yield place


@pytest.fixture
def opener(place: Place) -> Opener:
    return place.open


@pytest.fixture
def store(place: Place) -> Store:
    return place.open()


@pytest.fixture
def another_place(mongodb_url: str, clock: SetClock) -> Callable[[], Place]:
    return lambda: Place(mongodb_url, clock)
