"""What a row is given to measure with, and what it is."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from recording.program import variables
from recording.sink_process import SinkProcess
from recording.table import Line

__all__ = ["Bench", "Row", "fresh_environment"]


class Bench(NamedTuple):
    """One run of the benchmark."""

    sink: SinkProcess
    rounds: int
    is_quick: bool
    """Whether the run only has to show that everything works."""
    day_steps: int

    def size(self, full: int, quick: int) -> int:
        """Return how much of something to do."""
        return quick if self.is_quick else full


class Row(NamedTuple):
    """A row of the bars."""

    name: str
    what: str
    measure: Callable[[Bench], Iterator[Line]]


@contextmanager
def fresh_environment(url: str) -> Iterator[dict[str, str]]:
    """Give an environment for a program, with a spool that nobody else has."""
    with tempfile.TemporaryDirectory(prefix="xray-bench-") as folder:
        yield variables(url, Path(folder))
