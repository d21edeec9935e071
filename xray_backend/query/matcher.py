"""A checked tree becomes a test of decoded JSON: the whole meaning of the language, in Python.

SQL leaves to it what it cannot say itself: a path through arrays, comparisons with arrays and objects, patterns. A
node travels into SQL as a text, so that it is bound as a parameter like any value.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias

import msgspec

from xray_backend.query.tree import And, Compare, Date, ElemMatch, In, Leaf, Node, Not, Or, Size
from xray_backend.query.value_tests import value_test
from xray_backend.query.walk import ends, reached

__all__ = ["FUNCTION", "compile_matcher", "describe", "matches", "register_functions"]

FUNCTION: Final = "xray_matches"
"""The name of the SQL function `(json, node) -> 0 or 1`."""

Test: TypeAlias = Callable[[Any], bool]

_decoder = msgspec.json.Decoder()
_node_decoder: "msgspec.json.Decoder[Node]" = msgspec.json.Decoder(Node)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def compile_matcher(node: Node) -> Callable[[Mapping[str, object]], bool]:
    """Return the test that tells whether a document, decoded from an answer's JSON, meets the tree."""
    return _compiled(node, _along_path)


def describe(node: Node) -> str:
    """Return the text of a node, for `FUNCTION`; it must hold no `Date`."""
    return msgspec.json.encode(node).decode()


def register_functions(connection: sqlite3.Connection) -> None:
    """Make the functions that compiled conditions call known to a connection; each connection needs it once."""
    connection.create_function(FUNCTION, 2, matches, deterministic=True)


def matches(json: str, node: str) -> bool:
    """Tell whether a JSON text meets a node made by `describe`."""
    test = _compiled_text(node)
    return test(_decoder.decode(json))


# As many as a handful of queries at once can hold; the next row finds its test here.
@lru_cache(maxsize=1024)
def _compiled_text(node: str) -> Test:
    return _compiled(_node_decoder.decode(node), _along_path)


def _compiled(node: Node, leaf_test: Callable[[Leaf], Test]) -> Test:
    if isinstance(node, Not):
        return partial(_is_not, _compiled(node.node, leaf_test))
    if isinstance(node, (And, Or)):
        tests = [_compiled(part, leaf_test) for part in node.nodes]
        return partial(_meets_all if isinstance(node, And) else _meets_any, tests)
    return leaf_test(node)


def _is_not(test: Test, value: object) -> bool:
    return not test(value)


def _meets_all(tests: list[Test], value: object) -> bool:
    return all(test(value) for test in tests)


def _meets_any(tests: list[Test], value: object) -> bool:
    return any(test(value) for test in tests)


def _along_path(leaf: Leaf) -> Test:
    """Return the test of a document, or of an object in an array."""
    test, path = _on_value(leaf), leaf.path
    if isinstance(leaf, (Compare, In)) and _asks_for_date(leaf):
        return lambda value: any(test(_date_ms(found)) for found in reached(value, path))
    if isinstance(leaf, (Size, ElemMatch)):
        return lambda value: any(map(test, ends(value, path)))
    return lambda value: any(map(test, reached(value, path)))


def _on_value(leaf: Leaf) -> Test:
    """Return the test of a value itself: one that a path reached, or an element of an array."""
    if not isinstance(leaf, ElemMatch):
        return value_test(leaf)
    if leaf.of == "values":
        inner = _compiled(leaf.node, _on_value)
        return lambda value: isinstance(value, list) and any(map(inner, value))
    inner = _compiled(leaf.node, _along_path)
    return lambda value: isinstance(value, list) and any(map(inner, _objects(value)))


def _objects(array: list[object]) -> Iterator[dict[str, object]]:
    """Yield the objects in an array; an array in it counts as the object of its indexes."""
    for element in array:
        if isinstance(element, dict):
            yield element
        elif isinstance(element, list):
            yield {str(index): item for index, item in enumerate(element)}


def _asks_for_date(leaf: Compare | In) -> bool:
    values = (leaf.value,) if isinstance(leaf, Compare) else leaf.values
    return any(isinstance(value, Date) for value in values)


def _date_ms(found: object) -> object:
    """Return a date's number of milliseconds, as which it is compared; null and missing stay what they are."""
    if not isinstance(found, str):
        return found
    return (msgspec.convert(found, datetime) - _EPOCH) // timedelta(milliseconds=1)
