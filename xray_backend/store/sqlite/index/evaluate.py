"""A filter, asked of a block."""

from collections.abc import Callable, Mapping
from typing import Any

from xray_backend.query.tree import And, Compare, Exists, In, Node, Not, Or
from xray_backend.store.base import Collection
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
        leaves = Leaves(block, collection)
        self._ways: Mapping[type, Callable[[Any], Bounds]] = {
            And: self._all,
            Or: self._any,
            Not: lambda node: self.of(node.node).inverted(self._every),
            Compare: leaves.compare,
            In: leaves.member,
            Exists: leaves.exists,
        }

    def of(self, node: Node) -> Bounds:
        """Answer a node; of one that the index knows nothing about, every document may match."""
        way = self._ways.get(type(node))
        return perhaps(self._every) if way is None else way(node)

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
