"""Accounts and projects."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from xray_backend.errors import Conflict
from xray_backend.store.mongodb.account_documents import MembersDocument, ProjectDocument, UserDocument
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.dates import date_of, ms_of
from xray_backend.store.mongodb.exact import exact
from xray_backend.store.mongodb.members import new_member
from xray_backend.store.records import Project, Unchanged, User

__all__ = ["Accounts"]


class Accounts:
    """The users' and projects' part of the store."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def create_user(self, user: User) -> None:
        """Insert the user. Raises `Conflict` if the e-mail is taken, which a unique index decides."""
        document = UserDocument(
            user_id=user.user_id,
            email=user.email,
            name=user.name,
            password_hash=user.password_hash,
            created_at=date_of(self._clock()),
        )
        with self._database.translated():
            try:
                exact(self._database, UserDocument).insert_one(document.to_mongo())
            except DuplicateKeyError as error:
                raise Conflict("There is already an account with this e-mail.") from error

    def user_by_email(self, email: str) -> User | None:
        """Find a user."""
        return self._user({"email": email})

    def user_by_id(self, user_id: str) -> User | None:
        """Find a user."""
        return self._user({"_id": user_id})

    def replace_password(self, user_id: str, old_hash: str, new_hash: str) -> bool:
        """Swap the hash, unless it was swapped meanwhile."""
        with self._database.translated():
            changed = exact(self._database, UserDocument).update_one(
                {"_id": user_id, "passwordHash": old_hash}, {"$set": {"passwordHash": new_hash}}
            )
        return changed.matched_count > 0

    def create_project(self, project: Project, owner_id: str) -> None:
        """Insert the owner and then the project; after a kill between the two, there is a project that nobody knows."""
        document = ProjectDocument(
            project_id=project.project_id,
            object_id=project.object_id,
            name=project.name,
            created_at=date_of(project.created_at_ms),
            updated_at=date_of(project.updated_at_ms),
            retention_days=project.retention_days,
        )
        owner = new_member(owner_id, "owner", self._clock())
        members = MembersDocument(project_id=project.project_id, members=[owner])
        with self._database.translated():
            exact(self._database, MembersDocument).insert_one(members.to_mongo())
            exact(self._database, ProjectDocument).insert_one(document.to_mongo())

    def projects_of(self, user_id: str) -> Sequence[Project]:
        """List the user's projects, oldest first."""
        with self._database.translated():
            mine = exact(self._database, MembersDocument).find({"members.userId": user_id}, {"_id": True})
            asked = {"_id": {"$in": [found["_id"] for found in mine]}}
            oldest_first = [("createdAt", ASCENDING), ("objectId", ASCENDING)]
            return [_project(found) for found in exact(self._database, ProjectDocument).find(asked).sort(oldest_first)]

    def project(self, project_id: str) -> Project | None:
        """Find a project."""
        with self._database.translated():
            found = exact(self._database, ProjectDocument).find_one({"_id": project_id})
        return None if found is None else _project(found)

    def update_project(
        self, project_id: str, *, name: str | None, retention_days: int | Unchanged | None
    ) -> Project | None:
        """Change the fields that are given, and return the project as it is then."""
        changes: dict[str, object] = {} if name is None else {"name": name}
        if not isinstance(retention_days, Unchanged):
            changes["retentionDays"] = retention_days
        update: dict[str, object] = {"$max": {"updatedAt": date_of(self._clock())}}
        if changes:
            update["$set"] = changes
        with self._database.translated():
            found = exact(self._database, ProjectDocument).find_one_and_update(
                {"_id": project_id}, update, return_document=ReturnDocument.AFTER
            )
        return None if found is None else _project(found)

    def _user(self, asked: Mapping[str, object]) -> User | None:
        with self._database.translated():
            found = exact(self._database, UserDocument).find_one(asked)
        if found is None:
            return None
        return User(found["_id"], found["email"], found["name"], found["passwordHash"])


def _project(found: Mapping[str, Any]) -> Project:
    return Project(
        found["_id"],
        found["objectId"],
        found["name"],
        ms_of(found["createdAt"]),
        ms_of(found["updatedAt"]),
        found.get("retentionDays"),
    )
