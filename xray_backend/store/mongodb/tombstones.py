"""What was deleted stays deleted: events of it that come again are left out, whichever process stores them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from xray_backend.ids import new_object_id
from xray_backend.store.batch_traces import DAY_MS, trace_ids, traces_older_than, without_traces
from xray_backend.store.mongodb.account_documents import (
    DeletedProjectDocument,
    DeletedTraceDocument,
    ProjectDocument,
)
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.dates import date_of, ms_of
from xray_backend.store.mongodb.exact import exact
from xray_backend.store.mongodb.stored_traces import stored_traces
from xray_backend.store.mongodb.visible import is_gone
from xray_backend.store.records import EventBatch

__all__ = ["Tombstones", "look_again", "tombstone_id"]

_REMEMBERED_MS: Final = 5_000
"""While a project sends, it is asked for so often. What is written of one that was deleted meanwhile is seen by nobody,
and goes again when the batch ends; what is kept for too long is swept."""

_PROJECTS: Final = 10_000
"""Some MB; then all are asked for again."""


def tombstone_id(project_id: str, trace_id: str) -> str:
    """Return the `_id` of a trace's tombstone; an id has no slash."""
    return f"{project_id}/{trace_id}"


def look_again(at: datetime) -> dict[str, Any]:
    """Return the update by which rows are looked for at that time; whoever was looking meanwhile must look again."""
    return {"$set": {"lookAt": at, "revision": new_object_id()}}


@dataclass(frozen=True)
class _Project:
    """A project that was not deleted, and how long it keeps its traces."""

    retention_days: int | None
    found_at_ms: int


class Tombstones:
    """What a writer asks: before it writes, and again after it. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._projects: dict[str, _Project] = {}

    def without_deleted(self, batch: EventBatch, now_ms: int) -> EventBatch | None:
        """Return what may be stored of a batch: the batch itself, nearly always; None if its project is deleted."""
        project = self._project(batch.project_id, now_ms)
        if project is None:
            return None
        gone = self._stay_away(batch, self._tombstones_of(batch), now_ms)
        return without_traces(batch, gone | self._expired(batch, project.retention_days, now_ms))

    def take_back(self, batch: EventBatch, now_ms: int) -> bool:
        """Have removed what was written of a trace or project that was deleted meanwhile; false if the project was.

        Whoever deletes writes the tombstone and then removes the rows; whoever writes does so and then looks for a
        tombstone. So one of the two sees the other, and the rows go. A trace that was just expiring lives.
        """
        if self._is_deleted(batch.project_id, now_ms):
            self._projects.pop(batch.project_id, None)
            return False
        found = self._tombstones_of(batch)
        self._stay_away(batch, found, now_ms)
        self._let_live(batch, found)
        return True

    def _project(self, project_id: str, now_ms: int) -> _Project | None:
        """Find a project, or remember it from a moment ago; None if it is deleted."""
        known = self._projects.get(project_id)
        if known is not None and 0 <= now_ms - known.found_at_ms < _REMEMBERED_MS:
            return known
        if self._is_deleted(project_id, now_ms):
            return None
        if len(self._projects) >= _PROJECTS:
            self._projects = {}
        self._projects[project_id] = project = _Project(self._retention_days(project_id), now_ms)
        return project

    def _retention_days(self, project_id: str) -> int | None:
        with self._database.translated():
            found = exact(self._database, ProjectDocument).find_one({"_id": project_id}, {"retentionDays": True}) or {}
        days: int | None = found.get("retentionDays")
        return days

    def _is_deleted(self, project_id: str, now_ms: int) -> bool:
        """Look for a project's tombstone, and have its rows looked for if there is one.

        Rows may be left of one that had been removed: the writer that comes again may have been killed after writing
        them.
        """
        if not is_gone(self._database, project_id):
            return False
        with self._database.translated():
            projects = exact(self._database, DeletedProjectDocument)
            projects.update_one({"_id": project_id}, look_again(date_of(now_ms)))
        return True

    def _tombstones_of(self, batch: EventBatch) -> Sequence[Mapping[str, Any]]:
        asked = {"_id": {"$in": [tombstone_id(batch.project_id, trace_id) for trace_id in trace_ids(batch)]}}
        with self._database.translated():
            found = exact(self._database, DeletedTraceDocument).find(asked, {"traceId": True, "olderThan": True})
            return list(found)

    def _stay_away(self, batch: EventBatch, found: Sequence[Mapping[str, Any]], now_ms: int) -> set[str]:
        """Return which traces are deleted, and have their rows looked for, as of a project.

        One that is just expiring is deleted for events that are too old themselves.
        """
        gone = {each["_id"]: each["traceId"] for each in found if _is_gone(batch, each)}
        if gone:
            with self._database.translated():
                tombstones = exact(self._database, DeletedTraceDocument)
                tombstones.update_many({"_id": {"$in": list(gone)}}, look_again(date_of(now_ms)))
        return set(gone.values())

    def _let_live(self, batch: EventBatch, found: Sequence[Mapping[str, Any]]) -> None:
        """Show again what is left of the traces that were just expiring, since what was written is not too old."""
        alive = [each["_id"] for each in found if not _is_gone(batch, each)]
        if alive:
            with self._database.translated():
                tombstones = exact(self._database, DeletedTraceDocument)
                tombstones.delete_many({"_id": {"$in": alive}, "olderThan": {"$exists": True}})

    def _expired(self, batch: EventBatch, days: int | None, now_ms: int) -> set[str]:
        """Find the traces that are not there, and of which all that comes is older than the project keeps.

        Their age stands in the place of a tombstone, of which there would be no end. Nothing is left out for a number
        of days that is only remembered.
        """
        if not _older(batch, days, now_ms):
            return set()
        old = _older(batch, self._retention_days(batch.project_id), now_ms)
        return old - stored_traces(self._database, batch.project_id, old) if old else old


def _is_gone(batch: EventBatch, tombstone: Mapping[str, Any]) -> bool:
    horizon = tombstone.get("olderThan")
    return horizon is None or tombstone["traceId"] in traces_older_than(batch, ms_of(horizon))


def _older(batch: EventBatch, days: int | None, now_ms: int) -> set[str]:
    return set() if days is None else traces_older_than(batch, now_ms - days * DAY_MS)
