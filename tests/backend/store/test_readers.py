"""What one query leaves behind on a connection is not the business of the next."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from xray_backend.errors import Unavailable
from xray_backend.store.sqlite.readers import Readers

_MANY_TURNS = 5_000
"""SQLite looks at the time limit every 10,000 instructions, and the statement that begins a view has three."""


@pytest.fixture
def readers(tmp_path: Path) -> Iterator[Readers]:
    readers = Readers(tmp_path / "store.db", time_limit_seconds=0)
    yield readers
    readers.close()


def test_a_time_limit_that_is_over_does_not_stop_who_gets_the_connection_next(readers: Readers) -> None:
    for _ in range(_MANY_TURNS):
        with suppress(Unavailable):
            readers.first("SELECT 1")
        with readers.snapshot():
            pass
