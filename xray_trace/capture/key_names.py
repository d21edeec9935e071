"""KeyNames: the names that a dict's keys get in JSON, each of them once."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from xray_trace.capture.failure import pass_on_signal
from xray_trace.capture.plain import free_key

__all__ = ["KeyNames"]


class KeyNames:
    """Names one key after another; remembers the names only where two keys could come to the same one.

    The keys of one dict differ, so as long as all are strings that stay as they are, or all are integers, so do
    their names. The names of a million such keys would take the 32 MB that recording may take in all.
    """

    def __init__(self, name_of: Callable[[Any], str], source: dict[Any, Any] | None) -> None:
        self._name_of = name_of
        self._source = source
        self._kind: type | None = None
        self._named = 0
        self._taken: set[str] | None = set() if source is None else None

    def are_own(self, entries: list[tuple[Any, Any]]) -> bool:
        """Tell whether all these keys are strings, so that they can be names as they are; `keep` if they are."""
        if self._taken is not None or self._kind not in (None, str):
            return False
        return all(type(key) is str for key, _ in entries)

    def keep(self, entries: list[tuple[Any, Any]]) -> None:
        """Count keys that became names as they are."""
        self._kind = str
        self._named += len(entries)

    def free(self, name: str, key: Any) -> str:
        """Return the key's name, told from an equal one that another key has taken."""
        if self._taken is None:
            if self._is_its_own(key, name):
                self._named += 1
                return name
            self._taken = self._names_so_far()
        name = free_key(name, key, self._taken)
        self._taken.add(name)
        return name

    def _is_its_own(self, key: Any, name: str) -> bool:
        kind = type(key)
        if kind is not int and (kind is not str or name != key):
            return False
        if self._kind is None:
            self._kind = kind
        return kind is self._kind

    def _names_so_far(self) -> set[str]:
        if self._source is None or not self._named:
            return set()
        try:
            return {self._name_of(key) for key in islice(dict.__iter__(self._source), self._named)}
        except RuntimeError as error:  # the dict changes meanwhile, which ends its reading
            pass_on_signal(error)
            return set()
