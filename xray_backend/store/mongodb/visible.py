"""What is being deleted is hidden from every read at once, while its documents go piece by piece."""

from datetime import datetime, timezone
from typing import Any, Final

from xray_backend.store.mongodb.account_documents import DeletedProjectDocument, DeletedTraceDocument
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.exact import exact

__all__ = ["visible"]

_ANY_DATE: Final = {"$gte": datetime(1, 1, 1, tzinfo=timezone.utc)}
"""Has a date; unlike `$exists`, an index answers it alone."""


def visible(database: Database, project_id: str) -> dict[str, Any] | None:
    """Return the condition that a filter of traces, steps or data begins with; None if all of the project is deleted.

    Of traces that are hidden there are few or none at a time, in an index that holds nothing else of the project.
    """
    with database.translated():
        if exact(database, DeletedProjectDocument).find_one({"_id": project_id}, {"_id": True}) is not None:
            return None
        asked = {"projectId": project_id, "lookAt": _ANY_DATE}
        found = exact(database, DeletedTraceDocument).find(asked, {"_id": False, "traceId": True})
        hidden = [tombstone["traceId"] for tombstone in found]
    if not hidden:
        return {"projectId": project_id}
    return {"projectId": project_id, "traceId": {"$nin": hidden}}
