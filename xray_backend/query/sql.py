"""A checked tree becomes a condition on a row of the tables `steps` and `traces`.

The rows hold the answer document as JSON text in `doc`, written without escapes that JSON does not need, and a few
of its fields in columns besides. Every condition is 0 or 1, never NULL, so that NOT means the opposite. All that a
client sent, the JSON paths included, is bound as a parameter.

A connection that runs these conditions needs `matcher.register_functions` once.
"""

from typing import Literal

from xray_backend.query.column_sql import COLUMNS, column_condition, column_exists
from xray_backend.query.doc_sql import doc_condition
from xray_backend.query.fragment import Fragment, all_of, any_of, negated
from xray_backend.query.matcher import register_functions
from xray_backend.query.predicate import predicate_of
from xray_backend.query.tree import And, Compare, Exists, In, Leaf, Node, Not, Or

__all__ = ["SqlCondition", "compile_condition", "register_functions"]

SqlCondition = Fragment
"""`sql` with a `?` for each of `params`, to stand in a WHERE clause."""


def compile_condition(node: Node, collection: Literal["steps", "traces"]) -> SqlCondition:
    """Return the condition that a row of the collection's table meets when its document meets the tree."""
    if isinstance(node, And):
        return all_of([compile_condition(part, collection) for part in node.nodes])
    if isinstance(node, Or):
        return any_of([compile_condition(part, collection) for part in node.nodes])
    if isinstance(node, Not):
        return negated(compile_condition(node.node, collection))
    return _leaf(node, collection)


def _leaf(leaf: Leaf, collection: Literal["steps", "traces"]) -> Fragment:
    column = COLUMNS[collection].get(leaf.path[0]) if len(leaf.path) == 1 else None
    of_column = None
    if column is not None and isinstance(leaf, Exists):
        of_column = column_exists(column)
    elif column is not None and isinstance(leaf, (Compare, In)):
        of_column = column_condition(column, predicate_of(leaf))
    return of_column or doc_condition(leaf)
