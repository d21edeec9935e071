"""Which values a dotted path reaches in a document; arrays on the way are entered, as MongoDB enters them."""

from collections.abc import Iterator
from typing import Final, TypeAlias

from xray_backend.query.tree import Path

__all__ = ["MISSING", "Missing", "ends", "reached"]


class Missing:
    """The type of `MISSING`."""


MISSING: Final = Missing()
"""Stands for the value of a path that ends nowhere. Null matches it; `$exists` does not."""


_Seen: TypeAlias = set[tuple[int, int]]
"""Which objects and arrays were reached, and with how much of the path before them.

In `[{"0": [{"0": …}]}]` each `0` of a path is an index or a key, so that the ways double with every level of
the document; they meet again, and each place needs to be gone on from once.
"""


def reached(value: object, path: Path) -> Iterator[object]:
    """Yield the values at the end of the path; an array there yields its elements and then itself.

    An array on the way yields what the rest of the path reaches in each element that is an object, and in the element
    whose index the path names.
    """
    return _reached(value, path, True, set())


def ends(value: object, path: Path) -> Iterator[object]:
    """Yield the same, but of an array at the end nothing but itself."""
    return _reached(value, path, False, set())


def _reached(value: object, path: Path, enter: bool, seen: _Seen) -> Iterator[object]:
    for depth, key in enumerate(path):
        if isinstance(value, list):
            yield from _reached_in_array(value, path[depth:], enter, seen)
            return
        value = value.get(key, MISSING) if isinstance(value, dict) else MISSING
    if isinstance(value, (list, dict)) and _is_seen(value, (), seen):
        return
    if enter and isinstance(value, list):
        yield from value
    yield value


def _reached_in_array(array: list[object], path: Path, enter: bool, seen: _Seen) -> Iterator[object]:
    if _is_seen(array, path, seen):
        return
    for index, element in enumerate(array):
        is_named = path[0] == str(index)
        if isinstance(element, dict):
            yield from _reached(element, path, enter, seen)
        if is_named:
            yield from _reached_by_index(element, path[1:], enter, seen)


def _reached_by_index(element: object, path: Path, enter: bool, seen: _Seen) -> Iterator[object]:
    """Go on below an element that the path names; one at the end is not entered, were it an array."""
    if not path:
        yield element
    elif isinstance(element, dict):
        yield from _reached(element, path, enter, seen)
    elif isinstance(element, list):
        yield from _reached_in_array(element, path, enter, seen)


def _is_seen(container: object, path: Path, seen: _Seen) -> bool:
    place = (id(container), len(path))
    is_seen = place in seen
    seen.add(place)
    return is_seen
