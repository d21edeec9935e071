"""Deleting traces and projects: written down and hidden at once, removed piece by piece."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from mongoengine import Document
from pymongo.errors import DuplicateKeyError

from xray_backend.ids import new_object_id
from xray_backend.store.deletions import DeletionPiece, PieceRemoval
from xray_backend.store.mongodb.account_documents import (
    ApiKeyDocument,
    DeletedProjectDocument,
    DeletedTraceDocument,
    MembersDocument,
    ProjectDocument,
)
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.dates import date_of, ms_of
from xray_backend.store.mongodb.documents import RECORDED_DOCUMENTS, Data, Step, Trace
from xray_backend.store.mongodb.exact import exact
from xray_backend.store.mongodb.expiring import is_still_old, long_before, old_trace
from xray_backend.store.mongodb.stored import data_object_id, trace_object_id
from xray_backend.store.mongodb.stored_traces import stored_traces
from xray_backend.store.mongodb.tombstones import look_again, tombstone_id
from xray_backend.store.mongodb.visible import check_room, is_gone, visible

__all__ = ["Deleting"]

_OF_A_PROJECT: Final = (*RECORDED_DOCUMENTS, DeletedTraceDocument)
"""All that belongs to a project and may be much; its members and keys are few, and go at once."""

_AS_IT_IS: Final = CodecOptions(document_class=RawBSONDocument)

_HIDDEN_MS: Final = 15 * 60 * 1000
"""How long a trace stays hidden after it was deleted, before one last look for its rows: a writer may have looked for a
tombstone just before, and be killed after its write. By then it ended: a batch is some ten calls of 60 s at most."""


class Deleting:
    """The part of the store that forgets."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def trace(self, project_id: str, trace_id: str) -> bool:
        """Write a tombstone, for good; false if nothing of the trace is there.

        The tombstone's `_id` decides between those who delete at once. From then on the trace is hidden, and is found
        by whoever removes; so nothing is left half done by a kill.
        """
        mine = {"projectId": project_id, "traceId": trace_id}
        now = date_of(self._clock())
        with self._database.translated():
            if self._stays_deleted(project_id, trace_id, now):
                return False
            if is_gone(self._database, project_id):
                return False
            is_stored = stored_traces(self._database, project_id, [trace_id])
            if not is_stored and not self._has(Data, mine) and not self._has(Step, mine):
                return False
            check_room(self._database, project_id)
            tombstone = DeletedTraceDocument(
                tombstone_id=tombstone_id(project_id, trace_id),
                project_id=project_id,
                trace_id=trace_id,
                deleted_at=now,
                look_at=now,
                revision=new_object_id(),
            )
            try:
                exact(self._database, DeletedTraceDocument).insert_one(tombstone.to_mongo())
            except DuplicateKeyError:  # another was quicker; or it expired, and may be there again by now
                return self.trace(project_id, trace_id)
        return True

    def project(self, project_id: str) -> bool:
        """Write a tombstone, and then end its members' and keys' access; false if there is no such project.

        After a kill between the two its data is hidden, and whoever removes that ends the access too.
        """
        now = date_of(self._clock())
        document = DeletedProjectDocument(
            project_id=project_id, deleted_at=now, look_at=now, revision=new_object_id()
        ).to_mongo()
        with self._database.translated():
            if exact(self._database, ProjectDocument).find_one({"_id": project_id}, {"_id": True}) is None:
                return False
            try:
                exact(self._database, DeletedProjectDocument).insert_one(document)
                is_first = True
            except DuplicateKeyError:
                is_first = False
            self._end_access(project_id)
        return is_first

    def is_deleted(self, project_id: str, trace_id: str) -> bool:
        """Look for a tombstone."""
        with self._database.translated():
            if is_gone(self._database, project_id):
                return True
            tombstone = self._find_tombstone(project_id, trace_id)
            return tombstone is not None and "olderThan" not in tombstone

    def recorded_data(self, project_id: str, data_ids: Sequence[str]) -> Mapping[str, tuple[int | None, str | None]]:
        """Find which of these have a record that is not being deleted."""
        condition = visible(self._database, project_id)
        if condition is None:
            return {}
        with self._database.translated():
            found = exact(self._database, Data).find(
                {**condition, **_of_data(project_id, data_ids)}, {"dataId": True, "sizeBytes": True, "sha256": True}
            )
            return {record["dataId"]: (record.get("sizeBytes"), record.get("sha256")) for record in found}

    def next_piece(self, limit: int) -> DeletionPiece | None:
        """Find what is to go next; whole projects first, since their deleted traces go with them."""
        due = {"lookAt": {"$lte": date_of(self._clock())}}
        with self._database.translated():
            project = exact(self._database, DeletedProjectDocument).find_one(due)
            if project is not None:
                return DeletionPiece(project["_id"], None, ())
            while tombstone := exact(self._database, DeletedTraceDocument).find_one(due):
                if not self._lives(tombstone):
                    return self._piece_of(tombstone, limit)
                self._take_away(tombstone)
        return None

    def remove(self, piece: DeletionPiece, limit: int) -> PieceRemoval:
        """Remove the piece's documents, in calls of which any may be the last before a kill."""
        with self._database.translated():
            if piece.trace_id is None:
                return self._remove_of_project(piece.project_id, limit)
            tombstone = self._find_tombstone(piece.project_id, piece.trace_id)
            if tombstone is None:  # another process removed all that had expired, or the trace lives
                not_anew = {"storedAt": {"$lt": long_before(date_of(self._clock()))}}
                return PieceRemoval(self._remove_data(piece, not_anew), done=True)
            return self._remove_of_trace(tombstone, piece, limit)

    def _stays_deleted(self, project_id: str, trace_id: str, now: datetime) -> bool:
        """Tell whether there is a tombstone; one of a trace that only expired stays from now on."""
        expired = {"_id": tombstone_id(project_id, trace_id), "olderThan": {"$exists": True}}
        update: dict[str, Any] = look_again(now)
        update["$set"]["deletedAt"] = now
        update["$unset"] = {"olderThan": True}
        exact(self._database, DeletedTraceDocument).update_one(expired, update)
        return self._find_tombstone(project_id, trace_id) is not None

    def _find_tombstone(self, project_id: str, trace_id: str) -> Mapping[str, Any] | None:
        asked = {"_id": tombstone_id(project_id, trace_id)}
        return exact(self._database, DeletedTraceDocument).find_one(asked)

    def _end_access(self, project_id: str) -> None:
        mine = {"projectId": project_id}
        exact(self._database, ApiKeyDocument).delete_many(mine)
        exact(self._database, MembersDocument).delete_one({"_id": project_id})
        exact(self._database, ProjectDocument).delete_one({"_id": project_id})

    def _lives(self, tombstone: Mapping[str, Any]) -> bool:
        """Tell whether a trace that was to expire is young again."""
        return "olderThan" in tombstone and not is_still_old(self._database, tombstone)

    def _take_away(self, tombstone: Mapping[str, Any]) -> None:
        """Remove the tombstone, unless somebody deletes the trace for good."""
        asked = {"_id": tombstone["_id"], "olderThan": {"$exists": True}}
        exact(self._database, DeletedTraceDocument).delete_one(asked)

    def _piece_of(self, tombstone: Mapping[str, Any], limit: int) -> DeletionPiece:
        found = exact(self._database, Data).find(_doomed(Data, tombstone), {"dataId": True}).limit(limit)
        return DeletionPiece(tombstone["projectId"], tombstone["traceId"], [record["dataId"] for record in found])

    def _remove_data(self, piece: DeletionPiece, further: Mapping[str, Any]) -> int:
        """Remove the data records whose blobs are gone; of a trace that lives, too: they lead to nothing."""
        mine = {"projectId": piece.project_id, "traceId": piece.trace_id, **_of_data(piece.project_id, piece.data_ids)}
        return exact(self._database, Data).delete_many({**mine, **further}).deleted_count

    def _remove_of_trace(self, tombstone: Mapping[str, Any], piece: DeletionPiece, limit: int) -> PieceRemoval:
        """Remove data records, then steps, and last the trace, which the rest expires with."""
        data, steps = _doomed(Data, tombstone), _doomed(Step, tombstone)
        rows = self._remove_data(piece, {})
        rows += self._remove_some(Step, steps, limit - rows)
        if rows >= limit or self._has(Data, data) or self._has(Step, steps):
            return PieceRemoval(rows, done=False)
        return PieceRemoval(rows + self._remove_last(tombstone), done=True)

    def _remove_last(self, tombstone: Mapping[str, Any]) -> int:
        """Remove the trace itself, unless it lives; whoever writes to it meanwhile writes its steps before."""
        traces = exact(self._database, Trace).with_options(codec_options=_AS_IT_IS)
        if not self._lives(tombstone):
            trace = traces.find_one_and_delete(_doomed(Trace, tombstone))
            if trace is None or not self._lives(tombstone):
                self._settle(DeletedTraceDocument, tombstone)
                return int(trace is not None)
            with suppress(DuplicateKeyError):  # the writer made it anew
                traces.insert_one(trace)
        self._take_away(tombstone)
        return 0

    def _remove_of_project(self, project_id: str, limit: int) -> PieceRemoval:
        mine = {"projectId": project_id}
        tombstone = exact(self._database, DeletedProjectDocument).find_one({"_id": project_id})
        if tombstone is None:
            return PieceRemoval(0, done=True)
        rows = 0
        for document in _OF_A_PROJECT:
            rows += self._remove_some(document, mine, limit - rows)
            if rows >= limit:
                return PieceRemoval(rows, done=False)
        self._end_access(project_id)
        self._settle(DeletedProjectDocument, tombstone)
        return PieceRemoval(rows, done=True)

    def _remove_some(self, document: type[Document], asked: Mapping[str, Any], limit: int) -> int:
        if limit <= 0:
            return 0
        collection = exact(self._database, document)
        found = [each["_id"] for each in collection.find(asked, {"_id": True}).limit(limit)]
        return collection.delete_many({**asked, "_id": {"$in": found}}).deleted_count if found else 0

    def _settle(self, document: type[Document], tombstone: Mapping[str, Any]) -> None:
        """Note that nothing is left, unless a writer came since the tombstone was read."""
        collection = exact(self._database, document)
        asked = {"_id": tombstone["_id"], "revision": tombstone["revision"]}
        last_look_ms = ms_of(tombstone["deletedAt"]) + _HIDDEN_MS
        if "olderThan" in tombstone:
            collection.delete_one(asked)
        elif self._clock() < last_look_ms:
            collection.update_one(asked, look_again(date_of(last_look_ms)))
        else:
            collection.update_one(asked, {"$unset": {"lookAt": True}})

    def _has(self, document: type[Document], asked: Mapping[str, Any]) -> bool:
        return exact(self._database, document).find_one(asked, {"_id": True}) is not None


def _of_data(project_id: str, data_ids: Sequence[str]) -> dict[str, Any]:
    return {"_id": {"$in": [data_object_id(project_id, data_id) for data_id in data_ids]}}


def _doomed(document: type[Document], tombstone: Mapping[str, Any]) -> dict[str, Any]:
    """Return which of a trace's documents go: of one that expired, none that makes it live again."""
    project_id, trace_id = tombstone["projectId"], tombstone["traceId"]
    horizon = tombstone.get("olderThan")
    if document is Trace:
        the_trace = {"_id": trace_object_id(project_id, trace_id), "projectId": project_id}
        return the_trace if horizon is None else {**the_trace, **old_trace(horizon)}
    mine = {"projectId": project_id, "traceId": trace_id}
    if horizon is None:
        return mine
    if document is Data:  # as old as its trace, but for one whose step may still come
        return {**mine, "storedAt": {"$lt": long_before(tombstone["deletedAt"])}}
    return {**mine, "timestamp": {"$lt": horizon}}
