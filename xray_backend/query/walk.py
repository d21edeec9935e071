"""Which values a dotted path reaches in a document; arrays on the way are entered, as MongoDB enters them."""

from collections.abc import Iterator
from typing import Final

from xray_backend.query.tree import Path

__all__ = ["MISSING", "Missing", "ends", "reached"]


class Missing:
    """The type of `MISSING`."""


MISSING: Final = Missing()
"""Stands for the value of a path that ends nowhere. Null matches it; `$exists` does not."""


def reached(value: object, path: Path) -> Iterator[object]:
    """Yield the values at the end of the path; an array there yields its elements and then itself.

    An array on the way yields what the rest of the path reaches in each element that is an object, and in the element
    whose index the path names.
    """
    return _reached(value, path, enter=True)


def ends(value: object, path: Path) -> Iterator[object]:
    """Yield the same, but of an array at the end nothing but itself."""
    return _reached(value, path, enter=False)


def _reached(value: object, path: Path, *, enter: bool) -> Iterator[object]:
    for depth, key in enumerate(path):
        if isinstance(value, list):
            yield from _reached_in_array(value, path[depth:], enter=enter)
            return
        value = value.get(key, MISSING) if isinstance(value, dict) else MISSING
    if enter and isinstance(value, list):
        yield from value
    yield value


def _reached_in_array(array: list[object], path: Path, *, enter: bool) -> Iterator[object]:
    for index, element in enumerate(array):
        is_named = path[0] == str(index)
        if isinstance(element, dict):
            yield from _reached(element, path, enter=enter)
        if is_named:
            yield from _reached_by_index(element, path[1:], enter=enter)


def _reached_by_index(element: object, path: Path, *, enter: bool) -> Iterator[object]:
    """Go on below an element that the path names; one at the end is not entered, were it an array."""
    if not path:
        yield element
    elif isinstance(element, dict):
        yield from _reached(element, path, enter=enter)
    elif isinstance(element, list):
        yield from _reached_in_array(element, path, enter=enter)
