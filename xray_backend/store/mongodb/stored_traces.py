"""Which traces are there."""

from collections.abc import Iterable

from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.documents import Trace
from xray_backend.store.mongodb.exact import exact
from xray_backend.store.mongodb.stored import trace_object_id

__all__ = ["stored_traces"]


def stored_traces(database: Database, project_id: str, trace_ids: Iterable[str]) -> set[str]:
    """Return those of the traces that are stored."""
    keys = {trace_object_id(project_id, trace_id): trace_id for trace_id in trace_ids}
    with database.translated():
        found = exact(database, Trace).find({"_id": {"$in": list(keys)}}, {"_id": True})
        return {keys[trace["_id"]] for trace in found}
