"""Batches: a large container's content, a few items at a time, while the program may change the container."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Generic, TypeVar

from xray_trace.capture.failure import pass_on_signal

__all__ = ["Batches"]

Item = TypeVar("Item")

_MOST_ITEMS = 400  # at once: new objects far fewer than the 700 at which the interpreter looks for garbage


class Batches(Generic[Item]):
    """Reads so many items as there are at the beginning; `has_changed` tells afterwards whether that went wrong."""

    def __init__(self, items: Iterable[Item], count: Callable[[Any], int], container: Any) -> None:
        self._items = iter(items)
        self._count = count
        self._container = container
        self.total = count(container)
        """How many there were at the beginning."""
        self.left = self.total
        """How many items were not read yet."""
        self.has_changed = False

    @classmethod
    def of(cls, items: list[Item]) -> "Batches[Item]":
        """Read a list that nobody else has."""
        return cls(items, len, items)

    def __iter__(self) -> Iterator[list[Item]]:
        while batch := self._next():
            self.left -= len(batch)
            yield batch
        if self.left or self._count(self._container) != self.total:
            self.has_changed = True

    def _next(self) -> list[Item]:
        try:
            return list(islice(self._items, min(self.left, _MOST_ITEMS)))
        except RuntimeError as error:  # a dict or a set says so itself
            pass_on_signal(error)
            return []
