"""The shape of metadata: its keys with the types of their values, and many such shapes merged into one.

Leaves are `string`, `number`, `boolean`, `null` and `array`. In a merged shape a field of several types is
`"number|string"`; one that is an object and a leaf stays the object, with the leaf's type under the key `""`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

__all__ = ["Shape", "has_shape", "hash_of", "merge_shapes", "shape_of"]

Shape: TypeAlias = dict[str, "str | Shape"]

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


def shape_of(metadata: Mapping[str, object]) -> Shape:
    """Return the shape of JSON metadata; the empty key is left out, since no path reaches it."""
    return {
        key: shape_of(value) if isinstance(value, dict) else _LEAVES[type(value)]
        for key, value in metadata.items()
        if key
    }


def has_shape(metadata: Mapping[str, object], shape: Mapping[str, object]) -> bool:
    """Tell whether `shape_of` would return this shape; where there is an empty key it may say no all the same."""
    if len(metadata) != len(shape):
        return False
    for key, value in metadata.items():
        expected = shape.get(key)
        if isinstance(value, dict):
            if not isinstance(expected, dict) or not has_shape(value, expected):
                return False
        elif _LEAVES[type(value)] != expected:
            return False
    return True


def hash_of(shape: Mapping[str, object]) -> str:
    """Return the SHA-256 of the shape, the same for every order of its keys."""
    return hashlib.sha256(_encode_sorted(shape)).hexdigest()


def merge_shapes(shapes: Iterable[Mapping[str, object]]) -> Shape:
    """Return one shape that tells all types of each field; the same for every order of the shapes."""
    merged: Shape = {}
    for shape in shapes:
        _merge_into(merged, shape)
    return merged


def _merge_into(target: Shape, shape: Mapping[str, object]) -> None:
    for key, incoming in shape.items():
        target[key] = _joined(target.get(key), incoming)


def _joined(known: "str | Shape | None", incoming: object) -> "str | Shape":
    if isinstance(incoming, Mapping):
        target: Shape = {_LEAF_KEY: known} if isinstance(known, str) else known or {}
        _merge_into(target, incoming)
        return target
    leaf = str(incoming)
    if isinstance(known, dict):
        _merge_into(known, {_LEAF_KEY: leaf})
        return known
    return leaf if known is None else _either(known, leaf)


def _either(one: str, other: str) -> str:
    return one if one == other else "|".join(sorted({*one.split("|"), *other.split("|")}))
