"""Tests of one value at the end of a path, or of one element of an array."""

from collections.abc import Callable
from typing import Final

from xray_backend.query.predicate import Member, Range, predicate_of
from xray_backend.query.regex.pattern import compile_pattern
from xray_backend.query.tree import Compare, Exists, In, Regex, Size, Type, TypeName
from xray_backend.query.values import compare, rank
from xray_backend.query.walk import MISSING

__all__ = ["LARGEST_INT", "value_test"]

LARGEST_INT: Final = 2**31 - 1
"""The largest number that is an int; the least one is one further from nought."""

_HOLDS: Final[dict[str, Callable[[int], bool]]] = {
    "gt": lambda difference: difference > 0,
    "gte": lambda difference: difference >= 0,
    "lt": lambda difference: difference < 0,
    "lte": lambda difference: difference <= 0,
}


def value_test(leaf: Compare | In | Exists | Regex | Size | Type) -> Callable[[object], bool]:
    """Return the test of a value, or of `MISSING`; dates count as the number of their milliseconds."""
    if isinstance(leaf, Exists):
        return lambda value: value is not MISSING
    if isinstance(leaf, Size):
        length = leaf.length
        return lambda value: isinstance(value, list) and len(value) == length
    if isinstance(leaf, Type):
        types = frozenset(leaf.types)
        return lambda value: _type_of(value) in types
    if isinstance(leaf, Regex):
        found = compile_pattern(leaf.pattern, leaf.options)
        return lambda value: isinstance(value, str) and found(value)
    predicate = predicate_of(leaf)
    return _range_test(predicate) if isinstance(predicate, Range) else _membership(predicate)


def _range_test(predicate: Range) -> Callable[[object], bool]:
    holds, bound = _HOLDS[predicate.operator], predicate.bound
    kind = rank(bound)
    # Only values of the bound's own type compare; missing has no type.
    return lambda value: value is not MISSING and rank(value) == kind and holds(compare(value, bound))


def _membership(member: Member) -> Callable[[object], bool]:
    has_null = member.has_null
    hashed = {(rank(value), value) for value in member.scalars}
    containers = [*member.objects, *member.arrays]

    def is_member(value: object) -> bool:
        if value is MISSING:
            return has_null
        if isinstance(value, (list, dict)):
            return any(compare(value, other) == 0 for other in containers)
        return (rank(value), value) in hashed

    return is_member


def _type_of(value: object) -> TypeName | None:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -LARGEST_INT - 1 <= value <= LARGEST_INT else "long"
    for python_type, name in _NAMES.items():
        if isinstance(value, python_type):
            return name
    return None


_NAMES: Final[dict[type, TypeName]] = {float: "double", str: "string", dict: "object", list: "array"}
