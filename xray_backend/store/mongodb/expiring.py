"""Retention: traces that are older than their project keeps them are deleted."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Any, Final

from mongoengine import Document
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from xray_backend.ids import new_object_id
from xray_backend.store.batch_traces import DAY_MS, VALUE_WAITS_MS
from xray_backend.store.mongodb.account_documents import DeletedTraceDocument, ProjectDocument
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.dates import date_of
from xray_backend.store.mongodb.documents import Data, Step, Trace
from xray_backend.store.mongodb.exact import exact
from xray_backend.store.mongodb.stored import trace_object_id
from xray_backend.store.mongodb.stored_traces import stored_traces
from xray_backend.store.mongodb.tombstones import tombstone_id
from xray_backend.store.mongodb.visible import visible

__all__ = ["Expiring", "is_still_old", "long_before", "old_trace"]

_TRACES_AT_A_TIME: Final = 1000
"""Whose steps are asked for in one query: some milliseconds, and an answer far below what one may hold."""


def old_trace(horizon: datetime) -> dict[str, Any]:
    """Return the condition that a trace's own times are older; its steps are asked for besides."""
    return {"createdAt": {"$lt": horizon}, "endedAt": {"$not": {"$gte": horizon}}}


def long_before(at: datetime) -> datetime:
    """Return when a value must have come so that its trace may go then, and need not live for the step that follows."""
    return at - timedelta(milliseconds=VALUE_WAITS_MS)


def is_still_old(database: Database, tombstone: Mapping[str, Any]) -> bool:
    """Tell whether nothing young came to a trace that expires, before or after its tombstone was written."""
    horizon = tombstone["olderThan"]
    mine = {"projectId": tombstone["projectId"], "traceId": tombstone["traceId"]}
    trace = {"_id": trace_object_id(mine["projectId"], mine["traceId"]), "projectId": mine["projectId"]}
    with database.translated():
        if exact(database, Step).find_one({**mine, "timestamp": {"$gte": horizon}}, {"_id": True}):
            return False
        is_stored = exact(database, Trace).find_one(trace, {"_id": True}) is not None
        if is_stored and not exact(database, Trace).find_one({**trace, **old_trace(horizon)}, {"_id": True}):
            return False
        young = {"$gte": long_before(tombstone["deletedAt"]) if is_stored else horizon}
        return exact(database, Data).find_one({**mine, "storedAt": young}, {"_id": True}) is None


class Expiring:
    """Finds what is too old, and has it deleted like any trace, but without a tombstone that stays."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def expire(self, limit: int) -> int:
        """Write tombstones for at most so many traces that are too old, and return how many there were."""
        now = self._clock()
        with self._database.translated():
            projects = list(exact(self._database, ProjectDocument).find({"retentionDays": {"$gt": 0}}))
        for project in projects:
            horizon = date_of(now - project["retentionDays"] * DAY_MS)
            with self._database.translated():
                hidden = self._hide(project["_id"], date_of(now), horizon, limit)
            if hidden:
                return hidden
        return 0

    def _hide(self, project_id: str, now: datetime, horizon: datetime, limit: int) -> int:
        """Hide what is old, unless another process does so at this moment."""
        condition = visible(self._database, project_id)
        if condition is None:
            return 0
        found = list(islice(self._old_traces(condition, horizon, long_before(now)), limit))
        found = found or list(islice(self._old_data_alone(condition, horizon), limit))
        return sum(self._write_tombstone(project_id, trace_id, now, horizon) for trace_id in found)

    def _write_tombstone(self, project_id: str, trace_id: str, now: datetime, horizon: datetime) -> bool:
        document = DeletedTraceDocument(
            tombstone_id=tombstone_id(project_id, trace_id),
            project_id=project_id,
            trace_id=trace_id,
            deleted_at=now,
            older_than=horizon,
            look_at=now,
            revision=new_object_id(),
        )
        try:
            exact(self._database, DeletedTraceDocument).insert_one(document.to_mongo())
        except DuplicateKeyError:
            return False
        return True

    def _old_traces(self, condition: dict[str, Any], horizon: datetime, recent: datetime) -> Iterator[str]:
        """Look through the traces that began long ago, for those without a young step or a value that has just come."""
        began = exact(self._database, Trace).find({"$and": [condition, old_trace(horizon)]}, {"traceId": True})
        traces = (trace["traceId"] for trace in began.sort("createdAt", ASCENDING))
        while some := list(islice(traces, _TRACES_AT_A_TIME)):
            young = self._among(Step, condition, some, {"timestamp": {"$gte": horizon}})
            young |= self._among(Data, condition, some, {"storedAt": {"$gte": recent}})
            yield from (trace_id for trace_id in some if trace_id not in young)

    def _old_data_alone(self, condition: dict[str, Any], horizon: datetime) -> Iterator[str]:
        """Look through all values of the project for old ones that lack their trace.

        Values whose trace never came, or that came again after it had expired, tell no time but that of their arrival.
        """
        stored = exact(self._database, Data).find(
            {"$and": [condition, {"storedAt": {"$lt": horizon}}]}, {"_id": False, "traceId": True}
        )
        in_order = (record["traceId"] for record in stored.sort("traceId", ASCENDING))
        traces = (trace_id for trace_id, _ in groupby(in_order))
        while some := list(islice(traces, _TRACES_AT_A_TIME)):
            known = stored_traces(self._database, condition["projectId"], some)
            known |= self._among(Data, condition, some, {"storedAt": {"$gte": horizon}})
            yield from (trace_id for trace_id in some if trace_id not in known)

    def _among(
        self, document: type[Document], condition: dict[str, Any], asked: Iterable[str], further: dict[str, Any]
    ) -> set[str]:
        """Return those of the traces that have a document like this."""
        which = {"projectId": condition["projectId"], "traceId": {"$in": list(asked)}, **further}
        return set(exact(self._database, document).distinct("traceId", which))
