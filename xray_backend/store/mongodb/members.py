"""Who belongs to a project: one document, so that each change sees all members and is made at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from xray_backend.errors import Conflict, NotFound
from xray_backend.ids import new_object_id
from xray_backend.store.mongodb.account_documents import MemberFields, MembersDocument, UserDocument
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.dates import date_of, ms_of
from xray_backend.store.mongodb.exact import exact
from xray_backend.store.records import Member, Role, User

__all__ = ["Members", "new_member"]


def new_member(user_id: str, role: Role, joined_at_ms: int) -> MemberFields:
    """Make an entry of the members' document."""
    return MemberFields(member_id=new_object_id(), user_id=user_id, role=role, joined_at=date_of(joined_at_ms))


class Members:
    """The members' part of the store."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def role(self, project_id: str, user_id: str) -> Role | None:
        """Look up the user's membership."""
        mine = {"$elemMatch": {"userId": user_id}}
        with self._database.translated():
            found = exact(self._database, MembersDocument).find_one(
                {"_id": project_id, "members": mine}, {"members": mine}
            )
        return None if found is None else cast("Role", found["members"][0]["role"])

    def add(self, project_id: str, user: User, role: Role) -> Member:
        """Append a member. Raises `Conflict` if they are one, `NotFound` if there is no such project."""
        entry = new_member(user.user_id, role, self._clock()).to_mongo()
        with self._database.translated():
            members = exact(self._database, MembersDocument)
            taken = members.update_one(
                {"_id": project_id, "members.userId": {"$ne": user.user_id}}, {"$push": {"members": entry}}
            )
            if taken.matched_count:
                return _member(entry, user.email, user.name)
            if members.find_one({"_id": project_id}, {"_id": True}) is None:
                raise NotFound("This project does not exist.")
        raise Conflict("This person is a member of the project already.")

    def of_project(self, project_id: str) -> Sequence[Member]:
        """List the members, who came first in front."""
        with self._database.translated():
            found = exact(self._database, MembersDocument).find_one({"_id": project_id}) or {"members": []}
            asked = {"_id": {"$in": [entry["userId"] for entry in found["members"]]}}
            users = {user["_id"]: user for user in exact(self._database, UserDocument).find(asked)}
        known = ((entry, users.get(entry["userId"])) for entry in found["members"])
        return [_member(entry, user["email"], user["name"]) for entry, user in known if user is not None]

    def remove(self, project_id: str, user_id: str) -> None:
        """Take a member out. Raises `NotFound` if they are none, `Conflict` if no owner would be left.

        The condition and the change are one, so of all owners who are removed at once the last finds no other.
        """
        is_no_owner = {"members": {"$elemMatch": {"userId": user_id, "role": "member"}}}
        has_other_owner = {"members": {"$elemMatch": {"userId": {"$ne": user_id}, "role": "owner"}}}
        asked = {"_id": project_id, "members.userId": user_id, "$or": [is_no_owner, has_other_owner]}
        with self._database.translated():
            removed = exact(self._database, MembersDocument).update_one(
                asked, {"$pull": {"members": {"userId": user_id}}}
            )
        if removed.matched_count:
            return
        if self.role(project_id, user_id) is None:
            raise NotFound("This project has no such member.")
        raise Conflict("The last owner of a project cannot be removed; add another owner before.")


def _member(entry: Mapping[str, Any], email: str, name: str) -> Member:
    return Member(entry["memberId"], entry["userId"], email, name, entry["role"], ms_of(entry["joinedAt"]))
