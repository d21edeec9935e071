"""The shapes of metadata: each kept once, and merged by step name.

Of a step name, one document holds which shapes there are and what they merge to. It is replaced only if it is still
what was read; so the shapes are as many as may be, whoever writes at the same time. The shapes themselves come after
it: if the writer is killed in between, they come again, and the document has them already.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import msgspec
from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId
from pymongo import UpdateOne

from xray_backend.clock import iso
from xray_backend.store.merged_shape import MergedShape
from xray_backend.store.metadata_shape import Shape, is_cut, merge_into
from xray_backend.store.mongodb.connection import Database, Fields
from xray_backend.store.mongodb.dates import ms_of
from xray_backend.store.mongodb.documents import MergedSchemas, MetadataSchema
from xray_backend.store.mongodb.exact import exact
from xray_backend.store.mongodb.inserting import insert_new
from xray_backend.store.mongodb.stored import encoded, object_id
from xray_backend.store.mongodb.visible import is_gone
from xray_backend.store.records import SHAPES_PER_STEP_NAME, Json, MergedSchema, SchemaSighting

__all__ = ["Schemas", "store_shapes"]

_AT_ONCE: Final = 200
"""Some 100 KB of documents, and a tenth of what it takes to read them is for asking so often."""


def store_shapes(database: Database, project_id: str, sightings: Sequence[SchemaSighting]) -> int:
    """Keep those that are new, and return how many were left out. Those that are known cost two calls together."""
    if not sightings:
        return 0
    new = _without_known(database, {_key(project_id, sighting): sighting for sighting in sightings})
    by_name = sorted(new.items(), key=lambda item: item[1].step_name)
    kept: dict[ObjectId, SchemaSighting] = {}
    for name, of_name in groupby(by_name, key=lambda item: item[1].step_name):
        kept |= _merge_in(database, project_id, name, dict(of_name))
    insert_new(database, MetadataSchema, [_document(project_id, key, each) for key, each in kept.items()])
    return len(new) - len(kept)


def _key(project_id: str, sighting: SchemaSighting) -> ObjectId:
    return object_id("shape", project_id, sighting.step_name, sighting.schema_hash)


def _without_known(database: Database, sightings: Mapping[ObjectId, SchemaSighting]) -> dict[ObjectId, SchemaSighting]:
    """Note of those that are known that they were seen again, and return the others."""
    with database.translated():
        shapes = exact(database, MetadataSchema)
        known = {found["_id"] for found in shapes.find({"_id": {"$in": list(sightings)}}, {"_id": True})}
        seen = [
            UpdateOne({"_id": key}, {"$max": {"lastSeenAt": DatetimeMS(sightings[key].seen_at_ms)}}) for key in known
        ]
        if seen:
            shapes.bulk_write(seen, ordered=False)
    return {key: sighting for key, sighting in sightings.items() if key not in known}


def _merge_in(
    database: Database, project_id: str, step_name: str, sightings: Mapping[ObjectId, SchemaSighting]
) -> dict[ObjectId, SchemaSighting]:
    """Merge shapes into the document of their step name, and return those that it has now."""
    key = object_id("shapes", project_id, step_name)
    while True:
        with database.translated():
            found = exact(database, MergedSchemas).find_one({"_id": key})
        known = set() if found is None else set(found["keys"])
        room = SHAPES_PER_STEP_NAME - len(known)
        added = [each for each in sightings if each not in known][:room]
        if not added or _replace(database, project_id, key, found, [(each, sightings[each]) for each in added]):
            return {each: sighting for each, sighting in sightings.items() if each in known or each in added}


def _replace(
    database: Database,
    project_id: str,
    key: ObjectId,
    found: Fields | None,
    added: Sequence[tuple[ObjectId, SchemaSighting]],
) -> bool:
    """Write the document of a step name with some more shapes; False if another process was quicker."""
    merged = MergedShape() if found is None else MergedShape(found["shape"])
    for _, sighting in added:
        merged.add(sighting.schema_shape)
    keys = [*([] if found is None else found["keys"]), *(each for each, _ in added)]
    document = encoded(
        {
            "_id": key,
            "projectId": project_id,
            "stepName": added[0][1].step_name,
            "shapes": len(keys),
            "shape": merged.finalize(),
            "keys": keys,
            "revision": ObjectId(),
        }
    )
    if found is None:
        return not insert_new(database, MergedSchemas, [document])
    asked = {"_id": key, "revision": found["revision"]}
    replacement: Any = document
    with database.translated():
        return database.collection(MergedSchemas).replace_one(asked, replacement).matched_count > 0


def _document(project_id: str, key: ObjectId, sighting: SchemaSighting) -> Any:
    return encoded(
        {
            "_id": key,
            "projectId": project_id,
            "stepName": sighting.step_name,
            "schemaHash": sighting.schema_hash,
            "schemaShape": msgspec.json.encode(sighting.schema_shape).decode(),
            "lastSeenAt": DatetimeMS(sighting.seen_at_ms),
        }
    )


class Schemas:
    """The reading half."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def each(self, project_id: str, step_name: str | None) -> Iterator[Sequence[Json]]:
        """Read the shapes seen, by step name and hash."""
        after: tuple[str, str] | None = None
        more = True
        while more:
            found, more = self._some(project_id, step_name, after)
            if found:
                yield [_answer(shape) for shape in found]
                after = found[-1]["stepName"], found[-1]["schemaHash"]

    def merged(self, project_id: str, step_name: str | None) -> MergedSchema:
        """Merge what is kept of each step name."""
        merged: Shape = {}
        is_full = False
        for of_name in self._of_names(project_id, step_name):
            is_full = is_full or of_name["shapes"] >= SHAPES_PER_STEP_NAME
            for shape in self._shapes(project_id, of_name):
                merge_into(merged, msgspec.json.decode(shape))
        return MergedSchema(msgspec.json.encode(merged), is_complete=not (is_full or is_cut(merged)))

    def _some(self, project_id: str, step_name: str | None, after: tuple[str, str] | None) -> tuple[list[Fields], bool]:
        """Return some shapes, and whether there were more when they were read; others may come without end."""
        if is_gone(self._database, project_id):
            return [], False
        asked = _of(project_id, step_name)
        if after is not None:
            name, shape_hash = after
            asked["$or"] = [{"stepName": {"$gt": name}}, {"stepName": name, "schemaHash": {"$gt": shape_hash}}]
        with self._database.translated():
            shapes = self._database.collection(MetadataSchema).find(asked)
            found = list(shapes.sort([("stepName", 1), ("schemaHash", 1)]).limit(_AT_ONCE + 1))
        return found[:_AT_ONCE], len(found) > _AT_ONCE

    def _of_names(self, project_id: str, step_name: str | None) -> list[Fields]:
        if is_gone(self._database, project_id):
            return []
        with self._database.translated():
            return list(self._database.collection(MergedSchemas).find(_of(project_id, step_name), {"keys": False}))

    def _shapes(self, project_id: str, of_name: Fields) -> Iterable[str]:
        """Return the merged shape of a step name; where that is too large to be kept, its shapes one by one."""
        if of_name["shape"] is not None:
            return [of_name["shape"]]
        with self._database.translated():
            shapes = self._database.collection(MetadataSchema).find(_of(project_id, of_name["stepName"]))
            return [found["schemaShape"] for found in shapes]


def _of(project_id: str, step_name: str | None) -> Fields:
    return {"projectId": project_id} if step_name is None else {"projectId": project_id, "stepName": step_name}


def _answer(found: Fields) -> Json:
    return msgspec.json.encode(
        {
            "stepName": found["stepName"],
            "schemaHash": found["schemaHash"],
            "schemaShape": msgspec.Raw(found["schemaShape"].encode()),
            "lastSeenAt": iso(ms_of(found["lastSeenAt"])),
        }
    )
