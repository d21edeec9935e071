"""A checked tree becomes a test of decoded JSON: the whole meaning of the language, in Python.

SQL leaves to it what it cannot say itself: a path through arrays, comparisons with arrays and objects, patterns, and
what is nested deeply. A node travels into SQL as a text, so that it is bound as a parameter like any value.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias

import msgspec
from msgspec.structs import replace

from xray_backend.clock import whole_ms
from xray_backend.query.path import DATE_FIELDS
from xray_backend.query.tree import And, Compare, Date, ElemMatch, In, Leaf, Node, Not, Or, Size
from xray_backend.query.value_tests import value_test
from xray_backend.query.walk import ends, reached

__all__ = ["DOCUMENT_FUNCTION", "PART_FUNCTION", "compile_matcher", "describe", "register_functions"]

PART_FUNCTION: Final = "xray_part_matches"
"""The name of the SQL function `(json, node) -> 0 or 1`; the node's paths begin in a part of a document."""

DOCUMENT_FUNCTION: Final = "xray_document_matches"
"""The same of a whole document, whose times are dates."""

Test: TypeAlias = Callable[[Any], bool]

_decoder = msgspec.json.Decoder()
_node_decoder: "msgspec.json.Decoder[Node]" = msgspec.json.Decoder(Node)


def compile_matcher(node: Node) -> Callable[[Mapping[str, object]], bool]:
    """Return the test that tells whether a document, decoded from an answer's JSON, meets the tree."""
    return _compiled(node, _in_document)


def describe(node: Node) -> str:
    """Return the text of a node, for the SQL functions."""
    return msgspec.json.encode(node).decode()


def register_functions(connection: sqlite3.Connection) -> None:
    """Make the functions that compiled conditions call known to a connection; each connection needs it once."""
    connection.create_function(PART_FUNCTION, 2, _part_matches, deterministic=True)
    connection.create_function(DOCUMENT_FUNCTION, 2, _document_matches, deterministic=True)


def _part_matches(json: str, node: str) -> bool:
    return _part_test(node)(_decoder.decode(json))


def _document_matches(json: str, node: str) -> bool:
    return _document_test(node)(_decoder.decode(json))


# One query's clauses, so that the next row finds its test here; not many more, as a clause may have 256 KiB of text.
@lru_cache(maxsize=128)
def _part_test(node: str) -> Test:
    return _compiled(_node_decoder.decode(node), _along_path)


@lru_cache(maxsize=16)
def _document_test(node: str) -> Test:
    return _compiled(_node_decoder.decode(node), _in_document)


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


def _in_document(leaf: Leaf) -> Test:
    """Return the test of a document."""
    is_date = len(leaf.path) == 1 and leaf.path[0] in DATE_FIELDS
    if not is_date or not isinstance(leaf, (Compare, In)):
        return _along_path(leaf)
    test, path = value_test(_with_dates(leaf)), leaf.path
    return lambda document: any(test(_date_ms(found)) for found in reached(document, path))


def _along_path(leaf: Leaf) -> Test:
    """Return the test of a part of a document, or of an object in an array."""
    test, path = _on_value(leaf), leaf.path
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


def _with_dates(leaf: Compare | In) -> Compare | In:
    """Return a test of a date as it was before it became text, which shows a date as an object; none is asked for."""
    if isinstance(leaf, Compare):
        return replace(leaf, value=_date(leaf.value))
    return replace(leaf, values=tuple(map(_date, leaf.values)))


def _date(value: Any) -> Any:
    return Date(**value) if isinstance(value, dict) else value


def _date_ms(found: object) -> object:
    """Return a date's number of milliseconds, as which it is compared; null and missing stay what they are."""
    if not isinstance(found, str):
        return found
    return whole_ms(msgspec.convert(found, datetime))
