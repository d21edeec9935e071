"""What is being deleted is hidden from every read at once, while its documents go piece by piece."""

from datetime import datetime, timezone
from typing import Any, Final

from xray_backend.errors import TooManyRequests, Unavailable
from xray_backend.store.mongodb.account_documents import DeletedProjectDocument, DeletedTraceDocument
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.exact import exact

__all__ = ["check_room", "is_gone", "visible"]

_ANY_DATE: Final = {"$gte": datetime(1, 1, 1, tzinfo=timezone.utc)}
"""Has a date; unlike `$exists`, an index answers it alone."""

MOST_DELETED: Final = 10_000
"""Of traces of a project that are hidden at a time by who deletes: every read carries their ids, 2 MB at most."""

MOST_HIDDEN: Final = 50_000
"""The same by late events of traces that were deleted, which nobody can refuse. MongoDB takes a filter of 16 MB."""

_RETRY_AFTER_SECONDS: Final = 60
"""A trace is hidden for a quarter of an hour, or for as long as the blobs' store is away."""


def visible(database: Database, project_id: str) -> dict[str, Any] | None:
    """Return the condition that a filter of traces, steps or data begins with; None if all of the project is deleted.

    Of traces that are hidden there are few or none at a time, in an index that holds nothing else of the project.
    Raises `Unavailable` if there are more than a filter can hold.
    """
    if is_gone(database, project_id):
        return None
    with database.translated():
        found = exact(database, DeletedTraceDocument).find(_hidden(project_id), {"_id": False, "traceId": True})
        hidden = [tombstone["traceId"] for tombstone in found.limit(MOST_HIDDEN + 1)]
    if len(hidden) > MOST_HIDDEN:
        raise Unavailable(
            f"More than {MOST_HIDDEN:,} traces of this project are being deleted, which is more than a query can leave "
            "out; try again in some minutes.",
            retry_after_seconds=_RETRY_AFTER_SECONDS,
        )
    return {"projectId": project_id, "traceId": {"$nin": hidden}} if hidden else {"projectId": project_id}


def is_gone(database: Database, project_id: str) -> bool:
    """Tell whether all of a project is deleted."""
    with database.translated():
        return exact(database, DeletedProjectDocument).find_one({"_id": project_id}, {"_id": True}) is not None


def check_room(database: Database, project_id: str) -> None:
    """Return if one more trace can be hidden. Raises `TooManyRequests` if as many are as every read can carry."""
    with database.translated():
        hidden = exact(database, DeletedTraceDocument).count_documents(_hidden(project_id), limit=MOST_DELETED)
    if hidden >= MOST_DELETED:
        raise TooManyRequests(
            f"{MOST_DELETED:,} traces of this project are still being removed, and no more can be deleted until some "
            "of them are gone; try again in a minute.",
            retry_after_seconds=_RETRY_AFTER_SECONDS,
        )


def _hidden(project_id: str) -> dict[str, Any]:
    return {"projectId": project_id, "lookAt": _ANY_DATE}
