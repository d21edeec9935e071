"""A filter, asked of a block."""

from collections.abc import Callable, Mapping
from functools import reduce
from operator import and_, or_
from typing import Any

import msgspec

from xray_backend.query.tree import And, Compare, ElemMatch, Exists, In, Node, Not, Or, Path, Regex, Size, Type
from xray_backend.store.records import Collection
from xray_backend.store.sqlite.index.bounds import Bounds, perhaps
from xray_backend.store.sqlite.index.indexed_block import IndexedBlock
from xray_backend.store.sqlite.index.leaves import Leaves

__all__ = ["evaluate"]


def evaluate(node: Node, block: IndexedBlock, collection: Collection) -> Bounds:
    """Return which positions of a block match, among the documents that are still there."""
    found = _Evaluation(block, collection).of(node)
    return found & Bounds(block.alive, block.alive) if found.maybe else found


class _Evaluation:
    def __init__(self, block: IndexedBlock, collection: Collection) -> None:
        self._every = block.every
        self._leaves = leaves = Leaves(block, collection)
        self._ways: Mapping[type, Callable[[Any], Bounds]] = {
            And: self._all,
            Or: self._any,
            Not: lambda node: self.of(node.node).inverted(self._every),
            Compare: leaves.compare,
            In: leaves.member,
            Exists: leaves.exists,
            Regex: leaves.regex,
            Size: leaves.size,
            Type: leaves.type,
            ElemMatch: lambda node: perhaps(self._with_element((), node)),
        }

    def of(self, node: Node) -> Bounds:
        """Answer a node."""
        return self._ways[type(node)](node)

    def _all(self, node: And) -> Bounds:
        found = Bounds(self._every, self._every)
        for part in node.nodes:
            found &= self.of(part)
            if not found.maybe:  # what is left to ask cannot bring anything back
                break
        return found

    def _any(self, node: Or) -> Bounds:
        found = Bounds(0, 0)
        for part in node.nodes:
            found |= self.of(part)
        return found

    def _with_element(self, prefix: Path, node: ElemMatch) -> int:
        """Return where an array may have an element that meets the node alone."""
        path = prefix + node.path
        if not node.path and prefix:  # an element that is an array; what it holds has no place in the index
            return self._leaves.nested_arrays(prefix)
        return self._leaves.arrays(path) & self._possible(path, node.node)

    def _possible(self, prefix: Path, node: Node) -> int:
        """Return where elements of the array may meet the node, one this part of it and one that."""
        if isinstance(node, And):
            return reduce(and_, (self._possible(prefix, part) for part in node.nodes), self._every)
        if isinstance(node, Or):
            return reduce(or_, (self._possible(prefix, part) for part in node.nodes), 0)
        if isinstance(node, Not):
            return self._every
        if isinstance(node, ElemMatch):
            return self._with_element(prefix, node)
        if not node.path and isinstance(node, Size | Exists):
            return self._every
        return self.of(msgspec.structs.replace(node, path=prefix + node.path)).maybe
