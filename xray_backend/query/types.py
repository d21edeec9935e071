"""The names and numbers that `$type` takes."""

from collections.abc import Mapping
from typing import Final, get_args

from xray_backend.errors import BadRequest
from xray_backend.query.path import Place
from xray_backend.query.tree import And, Compare, Exists, Node, Not, Or, Type, TypeName
from xray_backend.query.values import is_number

__all__ = ["type_test"]

_NUMBERED: Final[Mapping[int, str]] = {
    1: "double",
    2: "string",
    3: "object",
    4: "array",
    5: "binData",
    6: "undefined",
    7: "objectId",
    8: "bool",
    9: "date",
    10: "null",
    11: "regex",
    12: "dbPointer",
    13: "javascript",
    14: "symbol",
    15: "javascriptWithScope",
    16: "int",
    17: "timestamp",
    18: "long",
    19: "decimal",
    -1: "minKey",
    127: "maxKey",
}
_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: (name,) for name in _NUMBERED.values()},
    "number": ("int", "long", "double", "decimal"),
}
_JSON: Final[tuple[TypeName, ...]] = get_args(TypeName)

# Longer than every name; a client's own invention need not come back at length.
_SHOWN_LENGTH = 40


def type_test(place: Place, operand: object) -> Node:
    """Return the test whether a place holds a value of the types that the operand names.

    Raises `BadRequest` if it names what is no type in MongoDB.
    """
    listed = operand if isinstance(operand, list) else [operand]
    if not listed:
        raise BadRequest(f"$type on '{place.name}' needs at least one type.")
    named = {name for item in listed for name in _names(place.name, item)}
    if place.holds == "any":
        return Type(place.path, tuple(name for name in _JSON if name in named))
    return _type_of_date_or_id(place, named)


def _type_of_date_or_id(place: Place, named: set[str]) -> Node:
    """Return a test in other words: the text there stands for a date or an id, and there is nothing else but null."""
    is_null = Compare(place.path, "eq", None)
    accepted: list[Node] = []
    if ("date" if place.holds == "date" else "objectId") in named:
        accepted.append(Not(is_null))
    if "null" in named:
        accepted.append(And((Exists(place.path), is_null)))
    return Or(tuple(accepted))


def _names(where: str, item: object) -> tuple[str, ...]:
    if isinstance(item, str) and item in _ALIASES:
        return _ALIASES[item]
    # 2.0 is 2 as a key, too.
    if isinstance(item, (int, float)) and is_number(item) and item in _NUMBERED:
        return (_NUMBERED[item],)  # type: ignore[index] # the same number
    shown = str(item)[:_SHOWN_LENGTH].encode("utf-8", "replace").decode()
    raise BadRequest(f"$type on '{where}' does not know '{shown}'; types are {', '.join(_ALIASES)} and their numbers.")
