"""Bringing the events of traces into their documents, whoever else does the same at this moment."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne

from xray_backend.store.mongodb.connection import Database, Fields
from xray_backend.store.mongodb.dates import ms_of
from xray_backend.store.mongodb.documents import Trace
from xray_backend.store.mongodb.exact import exact
from xray_backend.store.mongodb.inserting import insert_new
from xray_backend.store.mongodb.stored import encoded, trace_object_id
from xray_backend.store.records import TraceEvent
from xray_backend.store.trace_state import TraceState, document, dump_state, ended_at_ms, load_state, merge

__all__ = ["merge_traces"]

_EventsOf: TypeAlias = Mapping[str, Sequence[TraceEvent]]

_AGE: Final = {"createdAt": True}
_STATE: Final = {"state": True, "revision": True}


def merge_traces(database: Database, project_id: str, events_of: _EventsOf) -> None:
    """Merge events into the stored traces, or make them; nothing is written where they change nothing.

    What was read is replaced only if it is still there, and else read anew: each round that fails, another process's
    succeeded. Events that are merged already change nothing, so a round asks about all that the one before did not do.
    """
    left = {trace_object_id(project_id, trace_id): events for trace_id, events in events_of.items()}
    trace_ids = dict(zip(left, events_of, strict=True))
    while left:
        ages = _find(database, left, _AGE)
        created = {
            key: _document(key, project_id, trace_ids[key], merge(None, left[key])) for key in left.keys() - ages
        }
        taken = _insert(database, created)
        old = {key: left[key] for key in ages if not _changes_nothing(left[key], ms_of(ages[key]["createdAt"]))}
        changed = _changed(database, project_id, trace_ids, old)
        missed = old if _replace(database, project_id, changed) < len(changed) else {}
        left = {key: left[key] for key in (*taken, *missed)}


def _changes_nothing(events: Sequence[TraceEvent], created_at_ms: int) -> bool:
    """Tell whether all are further steps of a trace that has begun, which is by far the most frequent case."""
    return all(event.kind == "step" and (event.timestamp_ms or 0) >= created_at_ms for event in events)


def _changed(
    database: Database,
    project_id: str,
    trace_ids: Mapping[ObjectId, str],
    events_of: Mapping[ObjectId, Sequence[TraceEvent]],
) -> dict[ObjectId, tuple[object, RawBSONDocument]]:
    """Return the revision and the new document of those that change."""
    changed = {}
    for key, found in _find(database, events_of, _STATE).items() if events_of else ():
        stored = load_state(found["state"])
        state = merge(stored, events_of[key])
        if state != stored:
            changed[key] = found["revision"], _document(key, project_id, trace_ids[key], state)
    return changed


def _document(key: ObjectId, project_id: str, trace_id: str, state: TraceState) -> RawBSONDocument:
    fields = msgspec.json.decode(msgspec.json.encode(document(state)))
    fields["createdAt"] = DatetimeMS(state.created_at_ms or 0)
    ended = ended_at_ms(state)
    if ended is not None:
        fields["endedAt"] = DatetimeMS(ended)
    return encoded(
        {
            "_id": key,
            "traceId": trace_id,
            "projectId": project_id,
            **fields,
            "__v": 0,
            "state": dump_state(state),
            "revision": ObjectId(),
        }
    )


def _find(
    database: Database, keys: Mapping[ObjectId, object], projection: Mapping[str, bool]
) -> dict[ObjectId, Fields]:
    with database.translated():
        found = exact(database, Trace).find({"_id": {"$in": list(keys)}}, projection)
        return {each["_id"]: each for each in found}


def _insert(database: Database, documents: Mapping[ObjectId, RawBSONDocument]) -> list[ObjectId]:
    """Insert traces, and return those that another process had inserted before."""
    keys = list(documents)
    return [keys[place] for place in insert_new(database, Trace, list(documents.values()))]


def _replace(database: Database, project_id: str, changed: Mapping[ObjectId, tuple[object, RawBSONDocument]]) -> int:
    """Replace those whose revision is still the one that was read, and return how many."""
    if not changed:
        return 0
    writes: list[Any] = [
        ReplaceOne({"_id": key, "projectId": project_id, "revision": was}, now) for key, (was, now) in changed.items()
    ]
    with database.translated():
        return database.collection(Trace).bulk_write(writes, ordered=False).matched_count
