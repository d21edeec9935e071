"""The tests that SQL cannot say: a path through arrays, and comparisons with arrays and objects.

A condition travels into SQL as a text, so that it is bound as a parameter like any value.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

from xray_backend.query.tree import Path
from xray_backend.query.values import compare, rank
from xray_backend.query.walk import MISSING, reached

__all__ = ["FUNCTION", "Operator", "describe", "matches", "register_functions"]

FUNCTION = "xray_matches"
"""The name of the SQL function `(json, condition) -> 0 or 1`."""

Operator: TypeAlias = Literal["in", "exists", "gt", "gte", "lt", "lte"]

_HOLDS: dict[Operator, Callable[[int], bool]] = {
    "gt": lambda difference: difference > 0,
    "gte": lambda difference: difference >= 0,
    "lt": lambda difference: difference < 0,
    "lte": lambda difference: difference <= 0,
}


class _Condition(msgspec.Struct, frozen=True, array_like=True):
    operator: Operator
    path: tuple[str, ...]
    values: list[object]


_encoder = msgspec.json.Encoder()
_condition_decoder = msgspec.json.Decoder(_Condition)
_document_decoder = msgspec.json.Decoder()


def describe(operator: Operator, path: Path, values: Sequence[object]) -> str:
    """Return the text of a condition, for `FUNCTION`; `exists` has no values, a comparison has one."""
    return _encoder.encode(_Condition(operator, path, list(values))).decode()


def register_functions(connection: sqlite3.Connection) -> None:
    """Make the functions that compiled conditions call known to a connection; each connection needs it once."""
    connection.create_function(FUNCTION, 2, matches, deterministic=True)


def matches(json: str, condition: str) -> bool:
    """Tell whether a JSON text meets a condition made by `describe`."""
    test = _compiled(condition)
    return test(_document_decoder.decode(json))


# As many as a handful of queries at once can hold; the next row finds its condition here.
@lru_cache(maxsize=1024)
def _compiled(condition: str) -> Callable[[object], bool]:
    parsed = _condition_decoder.decode(condition)
    test = _value_test(parsed.operator, parsed.values)
    path = parsed.path
    return lambda document: any(map(test, reached(document, path)))


def _value_test(operator: Operator, values: list[object]) -> Callable[[object], bool]:
    if operator == "exists":
        return lambda value: value is not MISSING
    if operator == "in":
        return _membership(values)
    holds, operand = _HOLDS[operator], values[0]
    kind = rank(operand)
    # Only values of the operand's own type compare; missing has no type.
    return lambda value: value is not MISSING and rank(value) == kind and holds(compare(value, operand))


def _membership(values: list[object]) -> Callable[[object], bool]:
    has_null = None in values
    hashed = {(rank(value), value) for value in values if not isinstance(value, (list, dict))}
    containers = [value for value in values if isinstance(value, (list, dict))]

    def is_member(value: object) -> bool:
        if value is MISSING:
            return has_null
        if isinstance(value, (list, dict)):
            return any(compare(value, other) == 0 for other in containers)
        return (rank(value), value) in hashed

    return is_member
