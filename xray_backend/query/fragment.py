"""A piece of SQL together with the values of its parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

__all__ = ["FALSE", "TRUE", "Fragment", "SqlValue", "all_of", "any_of", "bind", "negated", "one_of"]

SqlValue: TypeAlias = "str | int | float"


@dataclass(frozen=True)
class Fragment:
    """An SQL expression; `params` holds a value for each `?`, in order."""

    sql: str
    params: tuple[SqlValue, ...] = ()

    def __add__(self, other: "Fragment") -> "Fragment":
        return Fragment(self.sql + other.sql, self.params + other.params)


TRUE = Fragment("1")
FALSE = Fragment("0")


def bind(value: str | int | float) -> Fragment:
    """Return a parameter.

    A float goes the way of the stored ones, through the JSON reader: SQLite's versions differ in how they round
    the last digit of a decimal text, and equal texts must give equal numbers.
    """
    if isinstance(value, float):
        return Fragment("json_extract(?, '$')", (msgspec.json.encode(value).decode(),))
    return Fragment("?", (value,))


def one_of(left: Fragment, values: Sequence[str | int | float]) -> Fragment:
    """Return `left = value` or `left IN (values)`; there must be a value."""
    bound = [bind(value) for value in values]
    if len(bound) == 1:
        return left + Fragment(" = ") + bound[0]
    return left + Fragment(" IN (") + _joined(", ", bound) + Fragment(")")


def all_of(parts: Sequence[Fragment]) -> Fragment:
    """Return the conjunction; true where there is no part."""
    return _combined(" AND ", [part for part in parts if part != TRUE], FALSE, TRUE)


def any_of(parts: Sequence[Fragment]) -> Fragment:
    """Return the disjunction; false where there is no part."""
    return _combined(" OR ", [part for part in parts if part != FALSE], TRUE, FALSE)


def negated(part: Fragment) -> Fragment:
    """Return the opposite."""
    if part in (TRUE, FALSE):
        return FALSE if part == TRUE else TRUE
    return Fragment("NOT (") + part + Fragment(")")


def _combined(operator: str, parts: list[Fragment], decisive: Fragment, empty: Fragment) -> Fragment:
    if decisive in parts:
        return decisive
    if len(parts) < 2:
        return parts[0] if parts else empty
    return Fragment("(") + _joined(operator, parts) + Fragment(")")


def _joined(separator: str, parts: Sequence[Fragment]) -> Fragment:
    params = tuple(value for part in parts for value in part.params)
    return Fragment(separator.join(part.sql for part in parts), params)
