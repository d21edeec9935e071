"""The order of JSON values, as MongoDB defines it: first by type, then within the type."""

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["compare", "is_number", "rank"]


def is_number(value: object) -> bool:
    """Tell a number from a boolean, which Python counts among the integers."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def rank(value: object) -> int:
    """Place a value's type in the order of types: null, number, string, object, array, boolean."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return 5
    if isinstance(value, (int, float)):
        return 1
    if isinstance(value, str):
        return 2
    return 3 if isinstance(value, dict) else 4


def compare(left: Any, right: Any) -> int:
    """Return a number below, at or above zero as the left value is less than, equal to or above the right one."""
    difference = rank(left) - rank(right)
    if difference or left is None:
        return difference
    if isinstance(left, dict):
        return _compare_in_order(left.items(), right.items(), _compare_pairs)
    if isinstance(left, list):
        return _compare_in_order(left, right, compare)
    # UTF-8 sorts as the code points do, so Python's order of strings is the binary one.
    return int(left > right) - int(left < right)


def _compare_in_order(left: Iterable[Any], right: Iterable[Any], order: Callable[[Any, Any], int]) -> int:
    """Let the first difference decide; where there is none, the shorter one is less."""
    others = iter(right)
    for mine in left:
        theirs = next(others, others)
        if theirs is others:
            return 1
        difference = order(mine, theirs)
        if difference:
            return difference
    return 0 if next(others, others) is others else -1


def _compare_pairs(left: tuple[str, Any], right: tuple[str, Any]) -> int:
    """Compare two fields of objects: by the type of their values, then by key, then by value."""
    by_type = rank(left[1]) - rank(right[1])
    if by_type:
        return by_type
    by_key = (left[0] > right[0]) - (left[0] < right[0])
    return by_key or compare(left[1], right[1])
