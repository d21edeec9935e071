"""The shape of metadata: its keys with the types of their values, and many such shapes merged into one.

Leaves are `string`, `number`, `boolean`, `null` and `array`. In a merged shape a field of several types is
`"number|string"`; one that is an object and a leaf stays the object, with the leaf's type under the key `""`.

An object with more than `KEYS_PER_OBJECT` keys is told by those that come first in the order of the alphabet: that way
what is told is the same for every order in which shapes come and are merged (docs/adr/0013-schemas.md).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

__all__ = [
    "KEYS_PER_OBJECT",
    "Shape",
    "hash_of",
    "is_cut",
    "merge_into",
    "merge_shapes",
    "shape_of",
    "uncounted",
]

Shape: TypeAlias = dict[str, "str | Shape"]

KEYS_PER_OBJECT: Final = 200
"""Ten times what people write by hand into one object; one with more has data for keys, such as ids."""

_LEAVES: Final[Mapping[type, str]] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
    list: "array",
}

_LEAF_KEY: Final = ""

_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def uncounted(keys: int) -> None:
    """Leave out keys without telling."""


def shape_of(metadata: Mapping[str, object], left_out: Callable[[int], None] = uncounted) -> Shape:
    """Return the shape of JSON metadata; the empty key is left out, since no path reaches it.

    `left_out` is told how many keys of an object that has too many are not in it.
    """
    if len(metadata) > KEYS_PER_OBJECT:
        left_out(len(metadata) - KEYS_PER_OBJECT)
        metadata = {key: metadata[key] for key in sorted(metadata)[:KEYS_PER_OBJECT]}
    return {
        key: shape_of(value, left_out) if isinstance(value, dict) else _LEAVES[type(value)]
        for key, value in metadata.items()
        if key
    }


def is_cut(shape: Mapping[str, object]) -> bool:
    """Tell whether keys may be missing: some object has as many as are told."""
    if len(shape) >= KEYS_PER_OBJECT:
        return True
    return any(is_cut(inner) for inner in shape.values() if isinstance(inner, Mapping))


def hash_of(shape: Mapping[str, object]) -> str:
    """Return the SHA-256 of the shape, the same for every order of its keys."""
    return hashlib.sha256(_encode_sorted(shape)).hexdigest()


def merge_shapes(shapes: Iterable[Mapping[str, object]]) -> Shape:
    """Return one shape that tells all types of each field; the same for every order of the shapes."""
    merged: Shape = {}
    for shape in shapes:
        merge_into(merged, shape)
    return merged


def merge_into(target: Shape, shape: Mapping[str, object]) -> None:
    """Let a merged shape tell of one more."""
    for key, incoming in shape.items():
        known = target.get(key)
        if known != incoming:
            target[key] = _joined(known, incoming)
    if len(target) > KEYS_PER_OBJECT:
        for key in sorted(target)[KEYS_PER_OBJECT:]:
            del target[key]


def _joined(known: "str | Shape | None", incoming: object) -> "str | Shape":
    if isinstance(incoming, Mapping):
        target: Shape = {_LEAF_KEY: known} if isinstance(known, str) else known or {}
        merge_into(target, incoming)
        return target
    leaf = str(incoming)
    if isinstance(known, dict):
        merge_into(known, {_LEAF_KEY: leaf})
        return known
    return leaf if known is None else _either(known, leaf)


def _either(one: str, other: str) -> str:
    return one if one == other else "|".join(sorted({*one.split("|"), *other.split("|")}))
