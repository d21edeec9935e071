"""Attempts are counted exactly over all processes that share a MongoDB, and no longer than they count."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.backend.store.mongodb.clock import SetClock
from tests.backend.store.mongodb.place import Place
from tests.backend.store.mongodb.watching import WRITES, seen_by
from tests.contract.stores import Opener
from xray_backend.store.base import Store

MINUTE_MS = 60_000


def test_over_two_processes_that_are_asked_at_once_the_limit_holds_exactly(opener: Opener) -> None:
    stores = [opener(), opener()]
    with ThreadPoolExecutor(16) as threads:
        counted = list(threads.map(lambda n: (n % 3, stores[n % 2].count_attempt(f"a{n % 3}", 7, 60)), range(120)))
    assert Counter(counted) == {(key, was): n for key in range(3) for was, n in ((True, 7), (False, 33))}
    assert [store.attempts(f"a{key}", 60)[1] for store in stores for key in range(3)] == [7] * 6


def test_an_attempt_counts_until_its_window_is_over_and_no_longer(store: Store, clock: SetClock) -> None:
    began = clock.now_ms
    assert store.count_attempt("a", 2, 60)
    clock.now_ms += 1000
    assert store.count_attempt("a", 2, 60)
    assert store.attempts("a", 60) == (began, 2)
    clock.now_ms = began + MINUTE_MS - 1
    assert not store.count_attempt("a", 2, 60)
    clock.now_ms = began + MINUTE_MS
    assert store.count_attempt("a", 2, 60)
    assert not store.count_attempt("a", 2, 60)
    assert store.attempts("a", 60) == (began + 1000, 2)
    assert store.attempts("b", 60) == (clock.now_ms, 0)


def test_a_refusal_writes_nothing(store: Store) -> None:
    assert store.count_attempt("a", 1, 60)
    sent: list[str] = []
    with seen_by(lambda command, _: sent.append(command)):
        assert not any(store.count_attempt("a", 1, 60) for _ in range(20))
    assert sent == ["find"] * 20
    with seen_by(lambda command, _: sent.append(command)):
        assert store.count_attempt("a", 2, 60)
    assert WRITES & set(sent)


def test_what_counts_no_more_is_removed(place: Place, clock: SetClock) -> None:
    store = place.open()
    for n in range(150):
        store.count_attempt(f"a{n}", 5, 60)
    assert place.count("attempts") == 150
    clock.now_ms += MINUTE_MS
    for n in range(2):
        store.count_attempt(f"b{n}", 5, 60)
    assert place.count("attempts") == 2


def test_a_clock_that_was_set_back_keeps_nobody_out(store: Store, clock: SetClock) -> None:
    assert store.count_attempt("a", 1, 60)
    clock.now_ms -= 24 * 60 * MINUTE_MS
    assert store.count_attempt("a", 1, 60)
    assert not store.count_attempt("a", 1, 60)
