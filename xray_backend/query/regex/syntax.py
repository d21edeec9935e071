"""A pattern, taken apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = [
    "Assertion",
    "Break",
    "Choice",
    "Item",
    "Letter",
    "PatternRefused",
    "Repeat",
    "Sequence",
    "Set",
    "all_items",
    "shortest",
]

Range: TypeAlias = tuple[int, int]
"""The code points from the first to the last."""


class PatternRefused(ValueError):
    """The pattern is wrong, or needs what RE2 has not; the text says so, to stand behind "the pattern for x"."""


@dataclass(frozen=True)
class Letter:
    """One character, in either case if it is folded."""

    char: str
    folded: bool


@dataclass(frozen=True)
class Set:
    """One character of a set, or of all others."""

    ranges: tuple[Range, ...] = ()
    """Named sets, such as the digits; they mean the same whether or not case counts."""

    letters: tuple[Range, ...] = ()
    """Characters that were written out, which stand for both cases if the set is folded."""

    categories: tuple[str, ...] = ()
    """Unicode's categories, as `\\p{Lu}` or `\\P{Lu}`."""

    negated: bool = False
    folded: bool = False


@dataclass(frozen=True)
class Assertion:
    """A place between two characters."""

    at: Literal["start", "line_start", "end", "line_end", "last_line_end", "word_edge", "no_word_edge"]


@dataclass(frozen=True)
class Break:
    """The end of a line, of which CR LF is one and not two."""


@dataclass(frozen=True)
class Repeat:
    """So many times, without bound if there is no `most`."""

    item: "Item"
    least: int
    most: int | None


@dataclass(frozen=True)
class Sequence:
    """One after the other."""

    items: tuple["Item", ...]


@dataclass(frozen=True)
class Choice:
    """Any of these."""

    branches: tuple["Item", ...]


Item: TypeAlias = Letter | Set | Assertion | Break | Repeat | Sequence | Choice


def all_items(item: Item) -> Iterator[Item]:
    """Yield the item and all that it is made of."""
    yield item
    for part in _parts(item):
        yield from all_items(part)


def _parts(item: Item) -> tuple[Item, ...]:
    if isinstance(item, Repeat):
        return (item.item,)
    if isinstance(item, Sequence):
        return item.items
    return item.branches if isinstance(item, Choice) else ()


def shortest(item: Item) -> int:
    """Return how many characters a match has at least."""
    if isinstance(item, Repeat):
        return item.least * shortest(item.item)
    if isinstance(item, Sequence):
        return sum(map(shortest, item.items))
    if isinstance(item, Choice):
        return min(map(shortest, item.branches))
    return 0 if isinstance(item, Assertion) else 1
