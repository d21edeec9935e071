"""Tests of the document itself, by way of SQLite's JSON functions.

The type at the end of the path, taken as a path through objects, decides: a scalar is tested in SQL, an array or
an object by `query.matcher`. Where there is nothing, an array may lie on the way, and the matcher goes on from it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from xray_backend.query.column_sql import COMPARISONS
from xray_backend.query.fragment import FALSE, TRUE, Fragment, bind, one_of
from xray_backend.query.matcher import FUNCTION, describe
from xray_backend.query.predicate import Member, Range, predicate_of
from xray_backend.query.tree import Compare, Exists, In, Leaf, Path, Regex, Size, Type
from xray_backend.query.value_tests import LARGEST_INT

__all__ = ["doc_condition"]

_END = Fragment(" END")
_NUL = "\0"
_ESCAPED_NUL = r"\u0000"

# A path to a field that no document has.
_NO_PATH = '$."$"'

# SQLite compares a key in a path with the key as it is written in the JSON text, escapes and all, and its path
# language has no escape for a quotation mark.
_PLAIN_KEY = re.compile(r'[^"\\\x00-\x1f]+')

# These fields are objects in every document, never arrays: one look-up less for each row.
_OBJECT_FIELDS = frozenset({"metadata", "successMetadata", "failureMetadata", "inputs", "output"})

_Handover: TypeAlias = Callable[[str, Path], Fragment]
"""Makes the matcher's part: what remains of a path, from the JSON path where the SQL stopped."""


def doc_condition(leaf: Leaf) -> Fragment:
    """Return the test of what a path reaches in the document; on a date, only that it exists can be asked."""
    path, handover = leaf.path, _handover(leaf)
    missing = FALSE
    cases = {"array": handover(_json_path(path), ())}
    if isinstance(leaf, Exists):
        cases = dict.fromkeys(_TYPES, TRUE)
    elif isinstance(leaf, Size):
        cases["array"] = Fragment("json_array_length(doc, ?) = ?", (_json_path(path), leaf.length))
    elif isinstance(leaf, Type):
        cases |= _type_cases(path, leaf)
    elif isinstance(leaf, Regex):
        cases["text"] = _string_matcher(_json_path(path), leaf)
    elif isinstance(leaf, (Compare, In)):
        predicate = predicate_of(leaf)
        if isinstance(predicate, Range):
            cases |= _range_cases(path, predicate, leaf, cases["array"])
        elif predicate.is_empty:
            return FALSE
        else:
            missing = TRUE if predicate.has_null else FALSE
            cases |= _member_cases(path, predicate, leaf, cases["array"])
    return _by_type(path, cases, missing, handover)


_TYPES = ("integer", "real", "text", "true", "false", "null", "object", "array")


def _handover(leaf: Leaf) -> _Handover:
    needle = _needle(leaf)

    def from_here(start: str, rest: Path) -> Fragment:
        found = _matcher("json_extract(doc, ?)", (start,), msgspec.structs.replace(leaf, path=rest))
        if needle is None:
            return found
        return Fragment("CASE instr(json_extract(doc, ?), ?) WHEN 0 THEN 0 ELSE ", (start, needle)) + found + _END

    return from_here


def _needle(leaf: Leaf) -> str | None:
    """Return a text that stands in every array with a match: most rows then need no matcher.

    Only a string is always written in the same way.
    """
    if isinstance(leaf, Compare) and leaf.operator == "eq" and isinstance(leaf.value, str):
        return msgspec.json.encode(leaf.value).decode()
    return None


def _by_type(path: Path, cases: Mapping[str, Fragment], missing: Fragment, handover: _Handover) -> Fragment:
    """Return a CASE over the type of what is at the path; a type without a case does not match."""
    if not all(map(_PLAIN_KEY.fullmatch, path)):
        return handover("$", path)
    sql = Fragment("CASE json_type(doc, ?)", (_json_path(path),))
    for name in _TYPES:
        sql += Fragment(f" WHEN '{name}' THEN ") + cases.get(name, FALSE)
    return sql + Fragment(" ELSE ") + _behind_arrays(path, missing, handover) + _END


def _behind_arrays(path: Path, missing: Fragment, handover: _Handover) -> Fragment:
    """Return the test for a path that meets no object to its end: does it meet an array?"""
    shortest = 2 if path[0] in _OBJECT_FIELDS else 1
    if shortest >= len(path):
        return missing
    sql = Fragment("CASE 'array'")
    for length in range(shortest, len(path)):
        start = _json_path(path[:length])
        sql += Fragment(" WHEN json_type(doc, ?) THEN ", (start,)) + handover(start, path[length:])
    return sql + Fragment(" ELSE ") + missing + _END


def _member_cases(path: Path, member: Member, leaf: Leaf, whole: Fragment) -> dict[str, Fragment]:
    here = _json_path(path)
    number = one_of(_at(here), member.numbers) if member.numbers else FALSE
    return {
        "integer": number,
        "real": number,
        "text": _strings_case(here, member.strings, leaf),
        "true": TRUE if True in member.booleans else FALSE,
        "false": TRUE if False in member.booleans else FALSE,
        "null": TRUE if member.has_null else FALSE,
        "object": whole if member.objects else FALSE,
    }


def _range_cases(path: Path, test: Range, leaf: Leaf, whole: Fragment) -> dict[str, Fragment]:
    here = _json_path(path)
    if isinstance(test.bound, dict):
        return {"object": whole}
    if isinstance(test.bound, str):
        return {"text": _string_range_case(here, test.operator, test.bound, leaf)}
    if isinstance(test.bound, list):
        return {}
    number = _at(here) + Fragment(COMPARISONS[test.operator]) + bind(test.bound)
    return {"integer": number, "real": number}


def _type_cases(path: Path, leaf: Type) -> dict[str, Fragment]:
    whole_types = {"double": "real", "string": "text", "object": "object", "null": "null", "array": "array"}
    cases = {sql_name: TRUE for name, sql_name in whole_types.items() if name in leaf.types}
    if "bool" in leaf.types:
        cases |= {"true": TRUE, "false": TRUE}
    if {"int", "long"} <= set(leaf.types):
        cases["integer"] = TRUE
    elif "int" in leaf.types or "long" in leaf.types:
        between = " BETWEEN " if "int" in leaf.types else " NOT BETWEEN "
        bounds = Fragment(f"{between}{-LARGEST_INT - 1} AND {LARGEST_INT}")
        cases["integer"] = _at(_json_path(path)) + bounds
    return cases


def _strings_case(here: str, strings: Sequence[str], leaf: Leaf) -> Fragment:
    if not strings:
        return FALSE
    exact = _string_matcher(here, leaf)
    if any(_NUL in text for text in strings):
        return exact
    # SQLite reckons both sides of an AND whose value it needs; only CASE leaves out what is not asked for.
    equal = Fragment("CASE WHEN ") + one_of(_at(here), strings) + Fragment(" THEN ")
    unless_cut = Fragment("CASE instr(doc, ?) WHEN 0 THEN 1 ELSE ", (_ESCAPED_NUL,)) + exact
    return equal + unless_cut + Fragment(" END ELSE 0 END")


def _string_range_case(here: str, operator: str, bound: str, leaf: Leaf) -> Fragment:
    """Compare in SQL, but where a string that SQLite has cut short could seem equal."""
    exact = _string_matcher(here, leaf)
    if _NUL in bound:
        return exact
    inside = _at(here) + Fragment(COMPARISONS[operator]) + bind(bound)
    if operator in ("gte", "lt"):  # A longer string is above the bound, too.
        return inside
    cut = one_of(_at(here), [bound]) + Fragment(" AND instr(doc, ?) > 0", (_ESCAPED_NUL,))
    return Fragment("CASE WHEN ") + cut + Fragment(" THEN ") + exact + Fragment(" ELSE ") + inside + _END


def _string_matcher(here: str, leaf: Leaf) -> Fragment:
    """Test a string by the matcher; asked for two paths, SQLite gives an array with the strings as written."""
    return _matcher("json_extract(doc, ?, ?)", (here, _NO_PATH), msgspec.structs.replace(leaf, path=("0",)))


def _matcher(json: str, paths: tuple[str, ...], leaf: Leaf) -> Fragment:
    return Fragment(f"{FUNCTION}({json}, ?)", (*paths, describe(leaf)))


def _at(json_path: str) -> Fragment:
    return Fragment("json_extract(doc, ?)", (json_path,))


def _json_path(path: Path) -> str:
    return "$" + "".join(f'."{key}"' for key in path)
