"""One test of a value, in the form that SQL is made from: membership in a set, a range, or being there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from xray_backend.query.tree import Compare, Date, In, Value
from xray_backend.query.values import is_number

__all__ = ["Member", "Predicate", "Range", "predicate_of"]


@dataclass(frozen=True)
class Member:
    """The value is one of these, sorted out by type; missing counts as null."""

    has_null: bool
    booleans: frozenset[bool]
    numbers: tuple[int | float, ...]
    strings: tuple[str, ...]
    objects: tuple[dict[str, Value], ...]
    arrays: tuple[list[Value], ...]

    @property
    def scalars(self) -> list[bool | int | float | str | None]:
        """Those that are no containers, in one list."""
        nulls = [None] if self.has_null else []
        return [*nulls, *self.booleans, *self.numbers, *self.strings]

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing can be a member."""
        return not (self.scalars or self.objects or self.arrays)


@dataclass(frozen=True)
class Range:
    """The value is of the bound's type and lies on this side of it."""

    operator: Literal["gt", "gte", "lt", "lte"]
    bound: "int | float | str | dict[str, Value] | list[Value]"


Predicate: TypeAlias = "Member | Range"


def predicate_of(node: "Compare | In") -> Predicate:
    """Simplify a comparison: null and booleans have few values, so that every range of theirs is a set."""
    if isinstance(node, In):
        return _member(node.values)
    if node.operator == "eq":
        return _member((node.value,))
    value = _plain(node.value)
    if value is None:
        return _member((None,) if node.operator in ("gte", "lte") else ())
    if isinstance(value, bool):
        return _member(_BOOLEANS[node.operator, value])
    return Range(node.operator, value)


_BOOLEANS: dict[tuple[str, bool], tuple[bool, ...]] = {
    ("gt", False): (True,),
    ("gt", True): (),
    ("gte", False): (False, True),
    ("gte", True): (True,),
    ("lt", False): (),
    ("lt", True): (False,),
    ("lte", False): (False,),
    ("lte", True): (False, True),
}


def _member(values: Sequence[Value]) -> Member:
    plain = [_plain(value) for value in values]
    return Member(
        has_null=None in plain,
        booleans=frozenset(value for value in plain if isinstance(value, bool)),
        numbers=tuple(value for value in plain if isinstance(value, (int, float)) and is_number(value)),
        strings=tuple(value for value in plain if isinstance(value, str)),
        objects=tuple(value for value in plain if isinstance(value, dict)),
        arrays=tuple(value for value in plain if isinstance(value, list)),
    )


def _plain(value: Value) -> "bool | int | float | str | list[Value] | dict[str, Value] | None":
    """Return a date as the number that its column holds."""
    return value.ms if isinstance(value, Date) else value
