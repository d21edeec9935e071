"""What is told apart in the index of a path: the types of values, in MongoDB's order, and a few facts besides."""

import hashlib
from enum import IntEnum
from types import NoneType

__all__ = ["KIND_OF", "LONGEST_TEXT", "MARK", "ORDERED", "Kind", "is_cut", "is_kept_key", "text_key"]


class Kind(IntEnum):
    """The kinds that have values sort as MongoDB sorts their types."""

    EXISTS = 0
    """The path reaches something in this document."""
    EMPTY = 1
    """It reaches an array without elements, which sorts before null."""
    NULL = 2
    NUMBER = 3
    STRING = 4
    OBJECT = 5
    """It reaches an object. Which one is not kept: its fields have paths of their own."""
    ARRAY = 6
    """It reaches an array, whose elements are among the values of the path."""
    NESTED = 7
    """It reaches an array that is itself an element of one; its elements are not among the values."""
    BOOLEAN = 8
    DATE = 9
    """A time of the document's own, in milliseconds."""


MARK = 0
"""The one value of the kinds that have no values."""

ORDERED = (Kind.NUMBER, Kind.STRING, Kind.DATE)
"""The kinds that are compared by greater and less; the two booleans are looked up."""

KIND_OF: dict[type, Kind] = {
    NoneType: Kind.NULL,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    str: Kind.STRING,
    bool: Kind.BOOLEAN,
}

LONGEST_TEXT = 96
"""Characters of a string that are kept; names, ids and titles are whole, of a prompt it is the beginning."""

_HASH_BYTES = 16  # two long texts with one key would only be looked at in vain


def text_key(text: str) -> str:
    """Return what stands for a string in the index: itself, or its beginning and a hash where it is long.

    Keys sort as their strings do, but for long ones that begin alike.
    """
    if len(text) <= LONGEST_TEXT:
        return text
    digest = hashlib.blake2b(text.encode(), digest_size=_HASH_BYTES).hexdigest()
    return text[:LONGEST_TEXT] + digest


def is_cut(key: str) -> bool:
    """Tell whether a key stands for a string that is longer than what is kept."""
    return len(key) > LONGEST_TEXT


def is_kept_key(key: str) -> bool:
    """Tell whether a path can reach this key of an object; what it cannot reach is not kept."""
    return key != "" and "." not in key and not key.startswith("$")
