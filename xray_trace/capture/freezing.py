"""Whether a value can change after the call that captured it."""

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
_MOST_NODES = 5_000_000  # looking at them takes a quarter of a second; what is beyond counts as changeable


def is_frozen(value: Any) -> bool:
    """Tell whether the value is immutable all the way down: tuples, frozen sets, named tuples, frozen dataclasses."""
    waiting: list[Any] = [value]
    seen = 0
    while waiting:
        parts = _parts(waiting.pop())
        if parts is None:
            return False
        seen += len(parts)
        if seen > _MOST_NODES:
            return False
        waiting.extend([part for part in parts if not _is_atom(part)])
    return True


def _is_atom(part: Any) -> bool:
    kind = type(part)
    return kind is str or kind is int or (type(kind) is type and kind in _ATOMS)


def _parts(node: Any) -> Any:
    """Return what an immutable node holds, or None if it is not known to be immutable."""
    kind = type(node)
    if kind is tuple or kind is frozenset:
        return node
    if issubclass(kind, tuple) and type(class_attributes(kind).get("_fields")) is tuple:
        return list(tuple.__iter__(node))
    parameters = class_attributes(kind).get("__dataclass_params__")
    if parameters is not None and getattr(parameters, "frozen", False) is True:
        return list((fields_of(node) or {}).values())
    if _is_atom(node) or kind is types.FunctionType:
        return ()
    return None
