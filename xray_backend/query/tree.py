"""The checked tree that a filter becomes; the only thing that a store sees of it.

Values are JSON values: None, bool, int, float, str, list, dict (keys in the order they were sent). On a date
path (`timestamp`, `createdAt`, `endedAt`) a value is a `Date`.

A node without a `Date` may be written as JSON and read back.
"""

from typing import Any, Literal, TypeAlias

import msgspec

__all__ = [
    "And", "Compare", "Date", "ElemMatch", "Exists", "In", "Leaf", "Node", "Not", "Or", "Path", "Regex", "Size", "Type",
    "TypeName", "Value",
]  # fmt: skip

Path: TypeAlias = tuple[str, ...]
"""The parts of a dotted path. The empty one, in an `ElemMatch` of values, is the element itself."""

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | Date | None"

TypeName: TypeAlias = Literal["array", "bool", "double", "int", "long", "null", "object", "string"]
"""The types of JSON values, by MongoDB's names. An integer is an int if 32 bits hold it, else a long."""


class Date(msgspec.Struct, frozen=True):
    """A time, in milliseconds since the Unix epoch."""

    ms: int


class Compare(msgspec.Struct, frozen=True, tag=True):
    """A path against one value, with MongoDB's meaning for arrays, null and types."""

    path: Path
    operator: Literal["eq", "gt", "gte", "lt", "lte"]
    value: Any
    """A `Value`; msgspec cannot say a union of `Date` and objects."""


class In(msgspec.Struct, frozen=True, tag=True):
    """The path equals any of these values."""

    path: Path
    values: tuple[Any, ...]


class Exists(msgspec.Struct, frozen=True, tag=True):
    """The path is there, with whatever value."""

    path: Path


class Regex(msgspec.Struct, frozen=True, tag=True):
    """The path is a string, or an array that holds one, in which the pattern is found somewhere."""

    path: Path
    pattern: str
    options: str
    """Some of the letters i, m, s and x, in this order."""


class Size(msgspec.Struct, frozen=True, tag=True):
    """The path is an array of this length."""

    path: Path
    length: int


class Type(msgspec.Struct, frozen=True, tag=True):
    """The path is a value of one of these types, or an array that holds one; none of them, if there is no type."""

    path: Path
    types: tuple[TypeName, ...]


class ElemMatch(msgspec.Struct, frozen=True, tag=True):
    """The path is an array, and one of its elements alone meets the node.

    Of objects, the node's paths begin in the element, which must be an object, or an array, whose indexes are then
    its keys. Of values, all paths are empty and mean the element itself, even where it is an array.
    """

    path: Path
    node: "Node"
    of: Literal["objects", "values"]


class Not(msgspec.Struct, frozen=True, tag=True):
    """The opposite; `$ne`, `$nin`, `$nor` and `$exists: false` are made with it."""

    node: "Node"


class And(msgspec.Struct, frozen=True, tag=True):
    """All of them; true where there is none."""

    nodes: tuple["Node", ...]


class Or(msgspec.Struct, frozen=True, tag=True):
    """Any of them; false where there is none."""

    nodes: tuple["Node", ...]


Leaf: TypeAlias = Compare | In | Exists | Regex | Size | Type | ElemMatch
"""A test of what one path reaches."""

Node: TypeAlias = Leaf | Not | And | Or
