"""Tests of the fields that have a column of their own, where an index helps."""

from dataclasses import dataclass
from typing import Literal

from xray_backend.query.fragment import FALSE, Fragment, any_of, bind, one_of
from xray_backend.query.predicate import Member, Predicate, Range
from xray_backend.query.values import is_number

__all__ = ["COLUMNS", "Column", "column_condition", "column_exists"]

COMPARISONS = {"gt": " > ", "gte": " >= ", "lt": " < ", "lte": " <= "}


@dataclass(frozen=True)
class Column:
    """A column that holds a field's value, or NULL where the field is null or missing.

    A flag is 1 where the field is true, and 0 where it is missing; there is nothing else that it could be.
    """

    name: str
    holds: Literal["text", "number", "flag"]


_STEP_COLUMNS = {
    "_id": Column("oid", "text"),
    "stepId": Column("step_id", "text"),
    "traceId": Column("trace_id", "text"),
    "projectId": Column("project_id", "text"),
    "stepName": Column("step_name", "text"),
    "stepNumber": Column("step_number", "number"),
    "timestamp": Column("timestamp_ms", "number"),
    "pending": Column("pending", "flag"),
}
_TRACE_COLUMNS = {
    "_id": Column("oid", "text"),
    "traceId": Column("trace_id", "text"),
    "projectId": Column("project_id", "text"),
    "status": Column("status", "text"),
    "createdAt": Column("created_at_ms", "number"),
    "endedAt": Column("ended_at_ms", "number"),
}
COLUMNS: dict[str, dict[str, Column]] = {"steps": _STEP_COLUMNS, "traces": _TRACE_COLUMNS}


def column_condition(column: Column, predicate: Predicate) -> Fragment:
    """Return the test of a column; values of a type that the column never holds match nothing."""
    if isinstance(predicate, Range):
        return _range(column, predicate)
    return _flag(column, predicate) if column.holds == "flag" else _membership(column, predicate)


def column_exists(column: Column) -> Fragment | None:
    """Return the test that a field is there; None where the column does not tell null from missing."""
    return Fragment(f"{column.name} = 1") if column.holds == "flag" else None


def _flag(column: Column, member: Member) -> Fragment:
    """Return the test of a flag, in the very words of the index that holds those that are set."""
    is_set = Fragment(f"{column.name} = 1") if True in member.booleans else FALSE
    is_missing = Fragment(f"{column.name} = 0") if member.has_null else FALSE
    return any_of([is_set, is_missing])


def _membership(column: Column, member: Member) -> Fragment:
    values = member.strings if column.holds == "text" else member.numbers
    nulls = Fragment(f"{column.name} IS NULL") if member.has_null else FALSE
    present = _if_present(column, one_of(Fragment(column.name), values)) if values else FALSE
    return any_of([nulls, present])


def _range(column: Column, test: Range) -> Fragment:
    bound = test.bound
    if isinstance(bound, (dict, list)) or column.holds != ("number" if is_number(bound) else "text"):
        return FALSE
    return _if_present(column, Fragment(column.name + COMPARISONS[test.operator]) + bind(bound))


def _if_present(column: Column, condition: Fragment) -> Fragment:
    return Fragment(f"({column.name} IS NOT NULL AND ") + condition + Fragment(")")
