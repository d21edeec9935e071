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
from xray_backend.query.matcher import FUNCTION, Operator, describe
from xray_backend.query.predicate import Member, Predicate, Range
from xray_backend.query.tree import Path

__all__ = ["doc_condition", "doc_exists"]

_END = Fragment(" END")
_NUL = "\0"
_ESCAPED_NUL = r"\u0000"

# SQLite compares a key in a path with the key as it is written in the JSON text, escapes and all, and its path
# language has no escape for a quotation mark.
_PLAIN_KEY = re.compile(r'[^"\\\x00-\x1f]+')

# These fields are objects in every document, never arrays: one look-up less for each row.
_OBJECT_FIELDS = frozenset({"metadata", "successMetadata", "failureMetadata", "inputs", "output"})

_Handover: TypeAlias = Callable[[str, Path], Fragment]
"""Makes the matcher's part: what remains of a path, from the JSON path where the SQL stopped."""


def doc_condition(path: Path, predicate: Predicate) -> Fragment:
    """Return the test of what a path reaches in the document."""
    if isinstance(predicate, Range):
        handover = _handover(predicate.operator, [predicate.bound])
        return _by_type(path, _range_cases(path, predicate, handover), FALSE, handover)
    if not predicate.values:
        return FALSE
    handover = _handover("in", predicate.values)
    missing = TRUE if predicate.has_null else FALSE
    return _by_type(path, _member_cases(path, predicate, handover), missing, handover)


def doc_exists(path: Path) -> Fragment:
    """Return the test whether a path reaches anything."""
    return _by_type(path, dict.fromkeys(_TYPES, TRUE), FALSE, _handover("exists", []))


_TYPES = ("integer", "real", "text", "true", "false", "null", "object", "array")


def _handover(operator: Operator, values: Sequence[object]) -> _Handover:
    needle = _needle(operator, values)

    def from_here(start: str, rest: Path) -> Fragment:
        found = _matcher("json_extract(doc, ?)", (start,), describe(operator, rest, values))
        if needle is None:
            return found
        return Fragment("CASE instr(json_extract(doc, ?), ?) WHEN 0 THEN 0 ELSE ", (start, needle)) + found + _END

    return from_here


def _needle(operator: Operator, values: Sequence[object]) -> str | None:
    """Return a text that stands in every array with a match: most rows then need no matcher.

    Only a string is always written in the same way.
    """
    if operator == "in" and len(values) == 1 and isinstance(values[0], str):
        return msgspec.json.encode(values[0]).decode()
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


def _member_cases(path: Path, member: Member, handover: _Handover) -> dict[str, Fragment]:
    here = _json_path(path)
    whole = handover(here, ())
    number = one_of(_at(here), member.numbers) if member.numbers else FALSE
    return {
        "integer": number,
        "real": number,
        "text": _strings_case(here, member.strings),
        "true": TRUE if True in member.booleans else FALSE,
        "false": TRUE if False in member.booleans else FALSE,
        "null": TRUE if member.has_null else FALSE,
        "object": whole if member.objects else FALSE,
        "array": whole,
    }


def _range_cases(path: Path, test: Range, handover: _Handover) -> dict[str, Fragment]:
    here = _json_path(path)
    cases = {"array": handover(here, ())}
    if isinstance(test.bound, dict):
        cases["object"] = cases["array"]
    elif isinstance(test.bound, str):
        cases["text"] = _string_range_case(here, test.operator, test.bound)
    elif not isinstance(test.bound, list):
        number = _at(here) + Fragment(COMPARISONS[test.operator]) + bind(test.bound)
        cases.update(integer=number, real=number)
    return cases


def _strings_case(here: str, strings: Sequence[str]) -> Fragment:
    if not strings:
        return FALSE
    exact = _string_matcher(here, "in", strings)
    if any(_NUL in text for text in strings):
        return exact
    # SQLite reckons both sides of an AND whose value it needs; only CASE leaves out what is not asked for.
    equal = Fragment("CASE WHEN ") + one_of(_at(here), strings) + Fragment(" THEN ")
    unless_cut = Fragment("CASE instr(doc, ?) WHEN 0 THEN 1 ELSE ", (_ESCAPED_NUL,)) + exact
    return equal + unless_cut + Fragment(" END ELSE 0 END")


def _string_range_case(here: str, operator: Operator, bound: str) -> Fragment:
    """Compare in SQL, but where a string that SQLite has cut short could seem equal."""
    exact = _string_matcher(here, operator, [bound])
    if _NUL in bound:
        return exact
    inside = _at(here) + Fragment(COMPARISONS[operator]) + bind(bound)
    if operator in ("gte", "lt"):  # A longer string is above the bound, too.
        return inside
    cut = one_of(_at(here), [bound]) + Fragment(" AND instr(doc, ?) > 0", (_ESCAPED_NUL,))
    return Fragment("CASE WHEN ") + cut + Fragment(" THEN ") + exact + Fragment(" ELSE ") + inside + _END


def _string_matcher(here: str, operator: Operator, strings: Sequence[str]) -> Fragment:
    """Test a string by the matcher; asked for two paths, SQLite gives an array with the strings as written."""
    return _matcher("json_extract(doc, ?, ?)", (here, here), describe(operator, (), strings))


def _matcher(json: str, paths: tuple[str, ...], condition: str) -> Fragment:
    return Fragment(f"{FUNCTION}({json}, ?)", (*paths, condition))


def _at(json_path: str) -> Fragment:
    return Fragment("json_extract(doc, ?)", (json_path,))


def _json_path(path: Path) -> str:
    return "$" + "".join(f'."{key}"' for key in path)
