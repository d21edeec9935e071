"""Who belongs to a project."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, cast

from xray_backend.errors import Conflict, NotFound
from xray_backend.ids import new_object_id
from xray_backend.store.records import Member, Role, User
from xray_backend.store.sqlite.readers import Readers
from xray_backend.store.sqlite.writer import Writer

__all__ = ["INSERT_MEMBER", "Members"]

INSERT_MEMBER: Final = (
    "INSERT INTO project_members (project_id, user_id, role, joined_at_ms, oid) VALUES (?, ?, ?, ?, ?)"
)
_ROLE: Final = "SELECT role FROM project_members WHERE project_id = ? AND user_id = ?"
_OTHER_OWNER: Final = "SELECT 1 FROM project_members WHERE project_id = ? AND user_id <> ? AND role = 'owner'"


class Members:
    """The members' part of the store."""

    def __init__(self, writer: Writer, readers: Readers, clock: Callable[[], int]) -> None:
        self._writer = writer
        self._readers = readers
        self._clock = clock

    def role(self, project_id: str, user_id: str) -> Role | None:
        """Look up the user's membership."""
        row = self._readers.first(_ROLE, (project_id, user_id))
        return None if row is None else cast("Role", row[0])

    def add(self, project_id: str, user: User, role: Role) -> Member:
        """Insert a membership. Raises `Conflict` if there is one, `NotFound` if there is no such project."""
        member = Member(new_object_id(), user.user_id, user.email, user.name, role, self._clock())

        def insert(connection: sqlite3.Connection) -> None:
            if connection.execute("SELECT 1 FROM projects WHERE project_id = ?", (project_id,)).fetchone() is None:
                raise NotFound("This project does not exist.")
            if connection.execute(_ROLE, (project_id, user.user_id)).fetchone() is not None:
                raise Conflict("This person is a member of the project already.")
            row = (project_id, member.user_id, member.role, member.joined_at_ms, member.member_id)
            connection.execute(INSERT_MEMBER, row)

        self._writer.run(insert)
        return member

    def of_project(self, project_id: str) -> Sequence[Member]:
        """List the members, who came first in front."""
        rows = self._readers.all(
            "SELECT m.oid, m.user_id, u.email, u.name, m.role, m.joined_at_ms"
            " FROM project_members m JOIN users u ON u.user_id = m.user_id"
            " WHERE m.project_id = ? ORDER BY m.joined_at_ms, m.rowid",
            (project_id,),
        )
        return [Member(*row) for row in rows]

    def remove(self, project_id: str, user_id: str) -> None:
        """Delete a membership. Raises `NotFound` if there is none, `Conflict` if no owner would be left."""

        def delete(connection: sqlite3.Connection) -> None:
            row = connection.execute(_ROLE, (project_id, user_id)).fetchone()
            if row is None:
                raise NotFound("This project has no such member.")
            if row[0] == "owner" and connection.execute(_OTHER_OWNER, (project_id, user_id)).fetchone() is None:
                raise Conflict("The last owner of a project cannot be removed; add another owner before.")
            connection.execute(
                "DELETE FROM project_members WHERE project_id = ? AND user_id = ?", (project_id, user_id)
            )

        self._writer.run(delete)
