"""What a container holds, taken at one moment or in turn, through the built-in types' own methods only."""

import array
import collections
import gc
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from xray_trace.capture.batches import Batches
from xray_trace.capture.failure import pass_on_signal
from xray_trace.capture.probe import TooLarge
from xray_trace.capture.type_name import class_attributes

__all__ = ["dict_behind", "entries_in_turn", "entries_of", "items_in_turn", "items_of"]

_TRIES = 3  # a container that another thread changed during each of three reads is under constant change


def entries_of(value: Any, most: int | None = None) -> Iterable[tuple[Any, Any]] | None:
    """Return the entries of a dict or a named tuple; None for any other type.

    Raises TooLarge, before anything is copied, if there are more than `most`.
    """
    held = dict_behind(value)
    if held is not None:
        _refuse_more(dict.__len__(held), most)
        return dict.copy(held).items()
    names = _field_names(value)
    return None if names is None else zip(names, tuple.__iter__(value), strict=True)


def items_of(value: Any, most: int | None = None) -> list[Any] | None:
    """Return the items of a built-in collection; None for any other type, which is never iterated.

    Raises TooLarge, before anything is copied, if there are more than `most`.
    """
    base = _base_of(value)
    if base is None:
        return None
    _refuse_more(base.__len__(value), most)
    return _snapshot(base.__iter__, value)


def entries_in_turn(value: Any) -> Batches[tuple[Any, Any]] | None:
    """Return what `entries_of` does, without a copy, for a container that may be large."""
    held = dict_behind(value)
    if held is not None:
        return Batches(dict.items(held), dict.__len__, held)
    names = _field_names(value)
    return None if names is None else Batches.of(list(zip(names, tuple.__iter__(value), strict=True)))


def items_in_turn(value: Any) -> Batches[Any] | None:
    """Return what `items_of` does, without a copy, for a container that may be large."""
    base = _base_of(value)
    return None if base is None else Batches(base.__iter__(value), base.__len__, value)


def dict_behind(value: Any) -> dict[Any, Any] | None:
    """Return the dict that the value is, or is a view of; None for any other type."""
    kind = type(value)
    if issubclass(kind, dict):
        held: dict[Any, Any] = value
        return held
    if kind is types.MappingProxyType:
        (behind,) = gc.get_referents(value)  # asking the proxy would ask the mapping behind it, whatever that is
        return behind if issubclass(type(behind), dict) else None
    return None


def _field_names(value: Any) -> tuple[Any, ...] | None:
    kind = type(value)
    if not issubclass(kind, tuple):
        return None
    names = class_attributes(kind).get("_fields")
    return names if type(names) is tuple and len(names) == tuple.__len__(value) else None


def _base_of(value: Any) -> Any:
    kind = type(value)
    return next((base for base in _COLLECTIONS if issubclass(kind, base)), None)


def _refuse_more(count: int, most: int | None) -> None:
    if most is not None and count > most:
        raise TooLarge


def _snapshot(iterate: Callable[[Any], Iterator[Any]], value: Any) -> list[Any]:
    for _ in range(_TRIES):
        try:
            return list(iterate(value))
        except RuntimeError as error:
            pass_on_signal(error)
    return ["[changed while it was read]"]


_COLLECTIONS: tuple[Any, ...] = (
    list,
    tuple,
    set,
    frozenset,
    collections.deque,
    array.array,
    type({}.keys()),
    type({}.values()),
    type({}.items()),
)
