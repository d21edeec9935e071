"""Looks at a value before it is encoded: is it plain, does it hide a secret, is it too large to be taken at once?

The look is a walk, level by level, over exact built-in types only, so that it runs no code of the user's.
`gc.get_referents` fetches a whole level in one call. For a dict it leaves out the keys where all of them are exactly
`str`; a level longer than its containers therefore gives other keys away, and such a value is not plain.

Searching the encoded bytes for the names of secrets instead of gathering the names here was measured at ten times
the cost (258 µs against 26 µs on 53 kB), and meets every value that holds such a word.
"""

import gc
from collections.abc import Container
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from xray_trace.capture.failure import pass_on_signal

__all__ = [
    "CALLER_BUDGET",
    "INT64_MAX",
    "INT64_MIN",
    "MAX_DEPTH",
    "WHATEVER_IT_COSTS",
    "Budget",
    "TooLarge",
    "is_flat",
    "is_shallow",
    "look_at",
]

MAX_DEPTH = 48  # the server takes 50 levels; two are left for what an artifact or an event wraps around a value

INT64_MAX = 2**63 - 1  # what a store's integers hold; beyond, the wire contract wants a string
INT64_MIN = -(2**63)


class TooLarge(Exception):
    """The value is over the budget of the caller's thread."""


class Budget(NamedTuple):
    """How much of a value may be handled before the caller gets its thread back."""

    nodes: int
    text: int
    """Characters and bytes of all strings together."""


# 40,000 nodes take 3 to 10 ms to look at, by how busy the machine and how scattered the value is, and 2 ms to encode,
# 4 MB of text about 3 ms: together they stay under the 20 ms that an event loop's other tasks would notice. (100,000
# nodes were measured at 22 to 32 ms on two busy cores.)
CALLER_BUDGET = Budget(nodes=40_000, text=4_000_000)

WHATEVER_IT_COSTS = Budget(nodes=2_000_000, text=2**28)
"""For a value that is wanted at once: looking takes half a second. There is an end because a value that holds itself
twice has 2^48 nodes in as many levels as may be; what is over it is encoded at once too, but piece by piece."""

_COST_OF_NAME = 4  # each is looked through for every word that marks a secret; a letter takes four times as long

_SAFE = frozenset({Decimal, UUID, date, timedelta})
_SAFE_ZONES = (type(None), timezone)


class _NotPlain(Exception):
    """A node that the encoder would refuse, change, or run foreign code for."""


_MOST_FLAT_ENTRIES = 32  # from here on the look below, which takes whole levels, is quicker
_MOST_FLAT_TEXT = 64 * 1024


def is_flat(value: dict[Any, Any], harmless: Container[str]) -> bool:
    """Tell whether a dict is small and holds single plain values alone, under these names; the most usual result."""
    if len(value) > _MOST_FLAT_ENTRIES:
        return False
    text = 0
    try:
        for name, node in value.items():
            if type(name) is not str or name not in harmless:
                return False
            kind = type(node)
            if kind is str:
                text += len(node)
            elif not (
                (kind is int and INT64_MIN <= node <= INT64_MAX)
                or (kind is float and node - node == 0)  # NaN for NaN and the infinities
                or kind is bool
                or node is None
            ):
                return False
    except RuntimeError as error:  # another thread changed it meanwhile
        pass_on_signal(error)
        return False
    return text <= _MOST_FLAT_TEXT


def is_shallow(value: dict[Any, Any], harmless: Container[str]) -> bool:
    """Tell whether a dict is small and holds, under these names, flat dicts alone; an integration's metadata."""
    if len(value) > _MOST_FLAT_ENTRIES:
        return False
    try:
        for name, node in value.items():
            if type(name) is not str or name not in harmless or type(node) is not dict or not is_flat(node, harmless):
                return False
    except RuntimeError as error:  # as above
        pass_on_signal(error)
        return False
    return True


def look_at(value: Any, budget: Budget = CALLER_BUDGET, levels: int = MAX_DEPTH) -> set[str] | None:
    """Return the names in a value that is plain all the way down, or None for a value that needs our own walk.

    The value is of exactly type dict, list, tuple, set or frozenset, and has no more levels than are given. Raises
    TooLarge if it is over the budget.
    """
    names: set[str] = set()
    dicts, others = ([value], []) if type(value) is dict else ([], [value])
    most_nodes, most_text = budget
    nodes = text = 0
    try:
        for _ in range(levels):
            containers = dicts + others if others else dicts
            width = sum(map(len, containers))
            nodes += width
            if nodes > most_nodes:
                raise TooLarge
            level = gc.get_referents(*containers)
            if len(level) != width:
                return None
            names.update(*dicts)
            if others:
                _add_pair_names(others, names)
            dicts, others, length = _sort(level)
            text += length
            if text > most_text:
                raise TooLarge
            if not dicts and not others:
                return _affordable(names, most_text - text)
    except (_NotPlain, IndexError, RuntimeError) as error:  # the last two: another thread changed a container meanwhile
        _pass_on_signal(error)
        return None
    return None


def _pass_on_signal(error: Exception) -> None:
    """Do so unless it is ours alone: to ask for the signal handlers takes several times as long as the look."""
    if type(error) is not _NotPlain:
        pass_on_signal(error)


def _affordable(names: set[str], text_left: int) -> set[str]:
    if sum(map(len, names)) * _COST_OF_NAME > text_left:
        raise TooLarge
    return names


def _sort(level: list[Any]) -> tuple[list[Any], list[Any], int]:  # noqa: C901 - the inner loop: a call a node would double its cost
    """Return the dicts and the other containers of a level, and the length of its text; raises _NotPlain."""
    dicts: list[Any] = []
    others: list[Any] = []
    text = 0
    for node in level:
        kind = type(node)
        if kind is str:
            text += len(node)
        elif kind is dict:
            dicts.append(node)
        elif kind is int:
            if not INT64_MIN <= node <= INT64_MAX:
                raise _NotPlain
        elif kind is float:
            if node - node:  # NaN for NaN and the infinities, else zero
                raise _NotPlain
        elif kind is list or kind is tuple or kind is set or kind is frozenset:
            others.append(node)
        elif node is not None and kind is not bool:
            text += _length_of_rare(node, kind)
    return dicts, others, text


def _length_of_rare(node: Any, kind: type) -> int:
    if kind is bytes or kind is bytearray:
        return len(node)
    if kind is datetime and type(node.tzinfo) in _SAFE_ZONES:
        return 0
    if type(kind) is type and kind in _SAFE:  # a metaclass of the user's could define its own hash
        return 0
    raise _NotPlain


def _add_pair_names(containers: list[Any], names: set[str]) -> None:
    """Add the first of each pair, as in the list of an HTTP message's headers."""
    for container in containers:
        if len(container) != 2 or type(container) not in (list, tuple):
            continue
        first = container[0]
        if type(first) is str:
            names.add(first)
        elif type(first) is bytes:
            names.add(first.decode("utf-8", "backslashreplace"))
