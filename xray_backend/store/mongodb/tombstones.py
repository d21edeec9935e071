"""What was deleted stays deleted: events of it that come again are left out, whichever process stores them."""

from datetime import datetime
from typing import Any

from xray_backend.ids import new_object_id
from xray_backend.store.batch_traces import DAY_MS, trace_ids, traces_older_than, without_traces
from xray_backend.store.mongodb.account_documents import (
    DeletedProjectDocument,
    DeletedTraceDocument,
    ProjectDocument,
)
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.dates import date_of
from xray_backend.store.mongodb.exact import exact
from xray_backend.store.mongodb.stored_traces import stored_traces
from xray_backend.store.records import EventBatch

__all__ = ["look_again", "take_back", "tombstone_id", "without_deleted"]


def tombstone_id(project_id: str, trace_id: str) -> str:
    """Return the `_id` of a trace's tombstone; an id has no slash."""
    return f"{project_id}/{trace_id}"


def look_again(at: datetime) -> dict[str, Any]:
    """Return the update by which rows are looked for at that time; whoever was looking meanwhile must look again."""
    return {"$set": {"lookAt": at, "revision": new_object_id()}}


def without_deleted(database: Database, batch: EventBatch, now_ms: int) -> EventBatch:
    """Return what may be stored of a batch: the batch itself, nearly always.

    To be asked before the write, and `take_back` after it.
    """
    gone = _deleted(database, batch, now_ms)
    if gone is None:
        return EventBatch(batch.project_id)
    return without_traces(batch, gone | _expired(database, batch, now_ms))


def take_back(database: Database, batch: EventBatch, now_ms: int) -> None:
    """Have removed what was written of a trace or project that was deleted meanwhile.

    Whoever deletes writes the tombstone and then removes the rows; whoever writes does so and then looks for a
    tombstone. So one of the two sees the other, and the rows go.
    """
    _deleted(database, batch, now_ms)


def _deleted(database: Database, batch: EventBatch, now_ms: int) -> set[str] | None:
    """Return which traces of a batch are deleted, and have their rows looked for; None if the project is.

    Rows may be left of one that had been removed: the writer that comes again may have been killed after writing them.
    """
    update = look_again(date_of(now_ms))
    with database.translated():
        projects, the_project = exact(database, DeletedProjectDocument), {"_id": batch.project_id}
        if projects.find_one(the_project, {"_id": True}) is not None:
            projects.update_one(the_project, update)
            return None
        tombstones = exact(database, DeletedTraceDocument)
        asked = {"_id": {"$in": [tombstone_id(batch.project_id, trace_id) for trace_id in trace_ids(batch)]}}
        gone = {found["traceId"] for found in tombstones.find(asked, {"_id": False, "traceId": True})}
        if gone:
            tombstones.update_many(asked, update)
    return gone


def _expired(database: Database, batch: EventBatch, now_ms: int) -> set[str]:
    """Find the traces that are not there, and of which all that comes is older than the project keeps.

    Their age stands in the place of a tombstone, of which there would be no end.
    """
    with database.translated():
        found = exact(database, ProjectDocument).find_one({"_id": batch.project_id}, {"retentionDays": True}) or {}
    days = found.get("retentionDays")
    old = set() if days is None else traces_older_than(batch, now_ms - days * DAY_MS)
    return old - stored_traces(database, batch.project_id, old) if old else old
