"""API keys, by their hash."""

from collections.abc import Mapping, Sequence

from pymongo import ASCENDING, UpdateOne, WriteConcern

from xray_backend.store.mongodb.account_documents import ApiKeyDocument
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.dates import date_of, ms_of
from xray_backend.store.mongodb.exact import exact
from xray_backend.store.records import ApiKey, KeyOwner

__all__ = ["Keys"]


class Keys:
    """The API keys' part of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, key: ApiKey) -> None:
        """Insert the key."""
        document = ApiKeyDocument(
            key_id=key.key_id,
            project_id=key.project_id,
            name=key.name,
            prefix=key.prefix,
            key_hash=key.key_hash,
            created_at=date_of(key.created_at_ms),
            last_used_at=None if key.last_used_at_ms is None else date_of(key.last_used_at_ms),
            is_active=key.is_active,
        )
        with self._database.translated():
            exact(self._database, ApiKeyDocument).insert_one(document.to_mongo())

    def of_project(self, project_id: str) -> Sequence[ApiKey]:
        """List the project's keys, oldest first."""
        oldest_first = [("createdAt", ASCENDING), ("_id", ASCENDING)]
        with self._database.translated():
            found = exact(self._database, ApiKeyDocument).find({"projectId": project_id}).sort(oldest_first)
            return [
                ApiKey(
                    key["_id"],
                    key["projectId"],
                    key["name"],
                    key["prefix"],
                    key["keyHash"],
                    ms_of(key["createdAt"]),
                    ms_of(key["lastUsedAt"]) if "lastUsedAt" in key else None,
                    key["isActive"],
                )
                for key in found
            ]

    def owner(self, key_hash: str) -> KeyOwner | None:
        """Find what an active key stands for."""
        with self._database.translated():
            found = exact(self._database, ApiKeyDocument).find_one({"keyHash": key_hash, "isActive": True})
        return None if found is None else KeyOwner(found["_id"], found["projectId"])

    def revoke(self, project_id: str, key_id: str) -> bool:
        """Mark the key as revoked; false if the project has none of that id."""
        with self._database.translated():
            found = exact(self._database, ApiKeyDocument).update_one(
                {"_id": key_id, "projectId": project_id}, {"$set": {"isActive": False}}
            )
        return found.matched_count > 0

    def touch(self, last_used_at_ms: Mapping[str, int]) -> None:
        """Move each key's last use forward, never back; not waiting for the majority, since none of it need last."""
        updates = [
            UpdateOne({"_id": key_id}, {"$max": {"lastUsedAt": date_of(at)}}) for key_id, at in last_used_at_ms.items()
        ]
        if updates:
            with self._database.translated():
                keys = exact(self._database, ApiKeyDocument).with_options(write_concern=WriteConcern(w=1))
                keys.bulk_write(updates, ordered=False)
