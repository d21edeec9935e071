"""A checked tree becomes a filter of MongoDB, whose language it came from.

Keys and paths stand in it as they are stored, so that no value that a client sends is taken for an operator, and none
of its keys for a path.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

from xray_backend.query.path import ID_FIELD
from xray_backend.query.tree import And, Compare, Date, ElemMatch, Exists, In, Leaf, Node, Not, Or, Path, Regex, Size
from xray_backend.store.mongodb.field_names import NO_FIELD, escaped, escaped_keys

__all__ = ["Filter", "compile_filter", "field_name"]

Filter: TypeAlias = dict[str, Any]

_LARGEST_LENGTH: Final = 2**31 - 1
"""Of an array that `$size` takes; none that is stored is nearly so long."""

_NOTHING: Final[Filter] = {"$nor": [{}]}
_NO_VALUE: Final[Filter] = {"$in": []}
"""What no document meets, and what no value does."""


def compile_filter(node: Node, own_id: str, key_of: Callable[[str], ObjectId]) -> Filter:
    """Return the filter of documents that meet the tree.

    `own_id` is the field with the id of which `_id` is made by `key_of`; asked for by it, documents are found by `_id`.
    """
    return _Compiler(own_id, key_of).document(node)


def field_name(path: Path) -> str:
    """Return the dotted name of a path, as it is stored."""
    return ".".join(map(escaped, path))


class _Compiler:
    def __init__(self, own_id: str, key_of: Callable[[str], ObjectId]) -> None:
        self._own_id = own_id
        self._key_of = key_of

    def document(self, node: Node) -> Filter:
        """Compile a test of a whole document."""
        return _joined(node, self._leaf)

    def _leaf(self, leaf: Leaf) -> Filter:
        if leaf.path == (self._own_id,) and isinstance(leaf, (Compare, In)):
            return {**_by_path(leaf), **self._by_key(leaf)}
        if leaf.path == (ID_FIELD,):
            return {ID_FIELD: _operators(leaf, _object_id)}
        return _by_path(leaf)

    def _by_key(self, leaf: Compare | In) -> Filter:
        """Return the same test of the `_id`, where it is one of equality."""
        if isinstance(leaf, Compare) and leaf.operator != "eq":
            return {}
        values = leaf.values if isinstance(leaf, In) else (leaf.value,)
        return {ID_FIELD: {"$in": [self._key_of(value) for value in values if isinstance(value, str)]}}


def _joined(node: Node, of_leaf: Callable[[Leaf], Filter]) -> Filter:
    """Compile the logical nodes; those that stand side by side share one object, where no key is there twice."""
    if isinstance(node, Not):
        return {"$nor": [_joined(node.node, of_leaf)]}
    if isinstance(node, Or):
        return {"$or": [_joined(part, of_leaf) for part in node.nodes]} if node.nodes else _NOTHING
    if not isinstance(node, And):
        return of_leaf(node)
    parts = [_joined(part, of_leaf) for part in node.nodes]
    merged = {key: value for part in parts for key, value in part.items()}
    return merged if len(merged) == sum(map(len, parts)) else {"$and": parts}


def _by_path(leaf: Leaf) -> Filter:
    """Compile a test of what a path reaches in a document, or in an object of an array."""
    return {field_name(leaf.path): _operators(leaf, _stored)}


def _operators(leaf: Leaf, stored: Callable[[Any], Any]) -> Filter:
    """Return the operators below a path; for MongoDB, too, missing is null."""
    if isinstance(leaf, Compare):
        return {f"${leaf.operator}": stored(leaf.value)}
    if isinstance(leaf, In):
        return {"$in": [stored(value) for value in leaf.values]}
    if isinstance(leaf, Exists):
        return {"$exists": True}
    if isinstance(leaf, Regex):
        return {"$regex": _ESCAPE_OR_NUL.sub(_written_nul, leaf.pattern), "$options": leaf.options}
    if isinstance(leaf, Size):
        return {"$size": leaf.length} if leaf.length <= _LARGEST_LENGTH else _NO_VALUE
    if isinstance(leaf, ElemMatch):
        return {"$elemMatch": _objects(leaf.node) if leaf.of == "objects" else _values(leaf.node)}
    return {"$type": list(leaf.types)} if leaf.types else _NO_VALUE


def _objects(node: Node) -> Filter:
    """Compile a test of an object in an array.

    With a field's name in front, nobody takes it for a test of values, which begins with an operator.
    """
    test = _joined(node, _by_path)
    return {NO_FIELD: {"$exists": False}, **test} if next(iter(test), "").startswith("$") else test


def _values(node: Node) -> Filter:
    """Compile a test of an element itself: operators side by side, of which each is there once."""
    operators: Filter = {}
    for part in _side_by_side(node):
        more = _of_value(part)
        twice = more.keys() & operators.keys()
        if not twice:
            operators |= more
        elif isinstance(part, Not):
            operators["$not"] = _values(part.node)
        elif "$in" in twice:  # one of the two is the list that nothing is in
            operators |= _NO_VALUE
        else:
            operators.setdefault("$all", []).append(more.get("$eq", more))
    return operators


def _side_by_side(node: Node) -> Iterator[Node]:
    """Yield what must all hold; an `And` in another was `$all`."""
    if not isinstance(node, And):
        yield node
        return
    for part in node.nodes:
        yield from _side_by_side(part)


def _of_value(node: Node) -> Filter:
    if isinstance(node, Not):
        return _negated(node.node)
    if isinstance(node, Or):
        return _NO_VALUE  # it was `$all` with an empty list; there is no other in a test of values
    return {} if isinstance(node, And) else _operators(node, _stored)


def _negated(node: Node) -> Filter:
    if isinstance(node, Compare) and node.operator == "eq":
        return {"$ne": _stored(node.value)}
    if isinstance(node, In):
        return {"$nin": [_stored(value) for value in node.values]}
    return {"$exists": False} if isinstance(node, Exists) else {"$not": _values(node)}


def _stored(value: Any) -> Any:
    """Return a value as it is stored."""
    return DatetimeMS(value.ms) if isinstance(value, Date) else escaped_keys(value)


def _object_id(value: Any) -> ObjectId | None:
    return None if value is None else ObjectId(value)


_ESCAPE_OR_NUL: Final = re.compile(r"\\(.)|\0", re.DOTALL)


def _written_nul(found: "re.Match[str]") -> str:
    """Write U+0000, which may not stand in a pattern of MongoDB, as an escape."""
    return r"\x00" if found[0][-1] == "\0" else found[0]
