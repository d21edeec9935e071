"""Recent: remembers what was met lately, in bounded memory."""

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps at least the last `at_least` keys that were asked for or put in, and at most twice as many.

    Two dicts, of which the older is dropped when the younger is full: that costs a look-up nothing, where keeping all
    in order of use would cost as much as the look-up itself.
    """

    def __init__(self, at_least: int) -> None:
        self._at_least = at_least
        self._older: dict[K, V] = {}
        self._younger: dict[K, V] = {}
        self.get_young = self._younger.get
        """Looks among the younger half alone; who does not find a key so has to ask `get`."""

    def get(self, key: K) -> V | None:
        """Return what is remembered of the key."""
        value = self._younger.get(key)
        if value is None and (value := self._older.get(key)) is not None:
            self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Remember it."""
        if len(self._younger) >= self._at_least:
            self._older, self._younger = self._younger, {}
            self.get_young = self._younger.get
        self._younger[key] = value

    def clear(self) -> None:
        """Forget all."""
        self._older, self._younger = {}, {}
        self.get_young = self._younger.get
