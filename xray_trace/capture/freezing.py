"""Whether a value can change after the call that captured it."""

import gc
import types
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from xray_trace.capture.description import fields_of
from xray_trace.capture.type_name import class_attributes

__all__ = ["is_frozen"]

_ATOMS = frozenset(
    {str, int, float, bool, type(None), bytes, complex, Decimal, UUID, date, datetime, time, timedelta, range}
)
_ATOM_IDS = frozenset(map(id, _ATOMS))  # a type's own hash may be the user's code, its id is not
_MOST_NODES = 250_000  # looked at in some 10 ms, which the caller waits for; what is beyond counts as changeable
_NODES_AN_OBJECT = 50  # as long as looking at so many takes one frozen dataclass or named tuple


def is_frozen(value: Any) -> bool:
    """Tell whether the value is immutable all the way down: tuples, frozen sets, named tuples, frozen dataclasses.

    Looks level by level, as the probe does; one that is too large to be looked at counts as changeable.
    """
    level: list[Any] = [value]
    seen = 0
    while level:
        usual = [node for node in level if type(node) is tuple or type(node) is frozenset]
        seen += sum(map(len, usual)) + (len(level) - len(usual)) * _NODES_AN_OBJECT
        if seen > _MOST_NODES:
            return False
        parts = gc.get_referents(*usual)
        if len(usual) < len(level) and not _has_added_parts(level, parts):
            return False
        if _ATOM_IDS.issuperset(map(id, map(type, parts))):
            return True
        level = [part for part in parts if id(type(part)) not in _ATOM_IDS]
    return True


def _has_added_parts(level: list[Any], parts: list[Any]) -> bool:
    """Add what the level's objects hold; tell whether all of them are known to be immutable."""
    for node in level:
        if type(node) is tuple or type(node) is frozenset:
            continue
        held = _parts(node)
        if held is None:
            return False
        parts.extend(held)
    return True


def _parts(node: Any) -> Any:
    """Return what an immutable object holds, or None if it is not known to be immutable."""
    kind = type(node)
    if issubclass(kind, tuple) and type(class_attributes(kind).get("_fields")) is tuple:
        return list(tuple.__iter__(node))
    parameters = class_attributes(kind).get("__dataclass_params__")
    if parameters is not None and getattr(parameters, "frozen", False) is True:
        return list((fields_of(node) or {}).values())
    return () if id(kind) in _ATOM_IDS or kind is types.FunctionType else None
