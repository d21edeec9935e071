"""The tables of the store, with no more than a query touches."""

import sqlite3

import msgspec

from xray_backend.clock import iso
from xray_backend.query.filter import parse_filter
from xray_backend.query.limits import QueryLimits
from xray_backend.query.matcher import compile_matcher
from xray_backend.query.sql import compile_condition, register_functions

LAYOUT = """
create table steps (oid text, project_id text, trace_id text, step_id text, step_name text, step_number integer,
    timestamp_ms integer, pending integer not null, doc text not null);
create table traces (oid text, project_id text, trace_id text, status text, created_at_ms integer,
    ended_at_ms integer, doc text not null);
"""
_TIMES = {"timestamp", "createdAt", "endedAt"}
_COLUMNS = {
    "steps": ["_id", "projectId", "traceId", "stepId", "stepName", "stepNumber", "timestamp", "pending"],
    "traces": ["_id", "projectId", "traceId", "status", "createdAt", "endedAt"],
}


class Table:
    """Holds documents, whose times are numbers of milliseconds, and tells which ones a filter finds.

    It asks the compiled SQL and the matcher, which must agree.
    """

    def __init__(self, collection="steps"):
        self._collection = collection
        self._answers = []
        self._connection = sqlite3.connect(":memory:")
        self._connection.executescript(LAYOUT)
        register_functions(self._connection)

    def fill(self, documents):
        self._connection.execute(f"delete from {self._collection}")
        columns = _COLUMNS[self._collection]
        marks = ", ".join("?" * (len(columns) + 1))
        self._answers = [_answer(document) for document in documents]
        rows = [
            (*(_held(document, column) for column in columns), answer)
            for document, answer in zip(documents, self._answers, strict=True)
        ]
        self._connection.executemany(f"insert into {self._collection} values ({marks})", rows)

    def find(self, filter):
        """The indexes of the documents that match."""
        node = parse_filter(filter, self._collection, QueryLimits())
        condition = compile_condition(node, self._collection)
        sql = f"select rowid - 1, ({condition.sql}) from {self._collection} order by rowid"
        found = self._connection.execute(sql, condition.params).fetchall()
        assert all(truth in (0, 1) for _, truth in found), "a condition must be 0 or 1, never NULL"
        matches = compile_matcher(node)
        assert [matches(msgspec.json.decode(answer)) for answer in self._answers] == [truth for _, truth in found]
        return [index for index, truth in found if truth]

    def close(self):
        self._connection.close()


def _held(document, column):
    """What the column of a field holds."""
    return int(document.get(column, False)) if column == "pending" else document.get(column)


def _answer(document):
    times = {name: iso(document[name]) for name in document if name in _TIMES and document[name] is not None}
    return msgspec.json.encode({**document, **times}).decode()
