"""The checked tree that a filter becomes; the only thing that a store sees of it.

Values are JSON values: None, bool, int, float, str, list, dict (keys in the order they were sent). On a date
path (`timestamp`, `createdAt`, `endedAt`) a value is a `Date`.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["And", "Compare", "Date", "Exists", "In", "Node", "Not", "Or", "Path", "Value"]

Path: TypeAlias = tuple[str, ...]
"""The parts of a dotted path."""

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | Date | None"


@dataclass(frozen=True)
class Date:
    """A time, in milliseconds since the Unix epoch."""

    ms: int


@dataclass(frozen=True)
class Compare:
    """A path against one value, with MongoDB's meaning for arrays, null and types."""

    path: Path
    operator: Literal["eq", "gt", "gte", "lt", "lte"]
    value: Value


@dataclass(frozen=True)
class In:
    """The path equals any of these values."""

    path: Path
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Exists:
    """The path is there, with whatever value."""

    path: Path


@dataclass(frozen=True)
class Not:
    """The opposite; `$ne`, `$nin` and `$exists: false` are made with it."""

    node: "Node"


@dataclass(frozen=True)
class And:
    """All of them; true where there is none."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True)
class Or:
    """Any of them; false where there is none."""

    nodes: tuple["Node", ...]


Node: TypeAlias = "Compare | In | Exists | Not | And | Or"
