"""What a container holds, taken at one moment, through the built-in types' own methods only."""

import array
import collections
import gc
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from xray_trace.capture.type_name import class_attributes

__all__ = ["entries_of", "items_of"]

_TRIES = 3  # a container that another thread changed during each of three reads is under constant change


def entries_of(value: Any) -> Iterable[tuple[Any, Any]] | None:
    """Return the entries of a dict or a named tuple; None for any other type."""
    kind = type(value)
    if issubclass(kind, dict):
        return dict.copy(value).items()
    if kind is types.MappingProxyType:
        (behind,) = gc.get_referents(value)  # asking the proxy would ask the mapping behind it, whatever that is
        return dict.copy(behind).items() if issubclass(type(behind), dict) else None
    if issubclass(kind, tuple):
        names = class_attributes(kind).get("_fields")
        if type(names) is tuple and len(names) == tuple.__len__(value):
            return zip(names, tuple.__iter__(value), strict=True)
    return None


def items_of(value: Any) -> list[Any] | None:
    """Return the items of a built-in collection; None for any other type, which is never iterated."""
    kind = type(value)
    for base, iterate in _ITERATORS:
        if issubclass(kind, base):
            return _snapshot(iterate, value)
    return None


def _snapshot(iterate: Callable[[Any], Iterator[Any]], value: Any) -> list[Any]:
    for _ in range(_TRIES):
        try:
            return list(iterate(value))
        except RuntimeError:
            continue
    return ["[changed while it was read]"]


_ITERATORS: tuple[tuple[type, Callable[[Any], Iterator[Any]]], ...] = (
    (list, list.__iter__),
    (tuple, tuple.__iter__),
    (set, set.__iter__),
    (frozenset, frozenset.__iter__),
    (collections.deque, collections.deque.__iter__),
    (array.array, array.array.__iter__),
    (type({}.keys()), iter),
    (type({}.values()), iter),
    (type({}.items()), iter),
)
