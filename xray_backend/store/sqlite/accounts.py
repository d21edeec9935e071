"""Accounts and projects."""
# ruff: noqa: S608 - what is put together are our own column names; every value is bound

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from xray_backend.errors import Conflict
from xray_backend.ids import new_object_id
from xray_backend.store.records import Project, Unchanged, User
from xray_backend.store.sqlite.members import INSERT_MEMBER
from xray_backend.store.sqlite.readers import Readers
from xray_backend.store.sqlite.writer import Writer

__all__ = ["Accounts"]

_USER = "SELECT user_id, email, name, password_hash FROM users"
_PROJECT = "SELECT p.project_id, p.oid, p.name, p.created_at_ms, p.updated_at_ms, p.retention_days FROM projects p"


class Accounts:
    """The users' and projects' part of the store."""

    def __init__(self, writer: Writer, readers: Readers, clock: Callable[[], int]) -> None:
        self._writer = writer
        self._readers = readers
        self._clock = clock

    def create_user(self, user: User) -> None:
        """Insert the user. Raises `Conflict` if the e-mail is taken."""
        row = (user.user_id, user.email, user.name, user.password_hash, self._clock())

        def insert(connection: sqlite3.Connection) -> None:
            try:
                connection.execute("INSERT INTO users VALUES (?, ?, ?, ?, ?)", row)
            except sqlite3.IntegrityError as error:
                raise Conflict("There is already an account with this e-mail.") from error

        self._writer.run(insert)

    def user_by_email(self, email: str) -> User | None:
        """Find a user."""
        return _user(self._readers.first(f"{_USER} WHERE email = ?", (email,)))

    def user_by_id(self, user_id: str) -> User | None:
        """Find a user."""
        return _user(self._readers.first(f"{_USER} WHERE user_id = ?", (user_id,)))

    def replace_password(self, user_id: str, old_hash: str, new_hash: str) -> bool:
        """Swap the hash, unless it was swapped meanwhile."""
        changed = self._writer.run(
            lambda connection: (
                connection.execute(
                    "UPDATE users SET password_hash = ? WHERE user_id = ? AND password_hash = ?",
                    (new_hash, user_id, old_hash),
                ).rowcount
            )
        )
        return changed > 0

    def create_project(self, project: Project, owner_id: str) -> None:
        """Insert the project and its owner."""
        times = (project.created_at_ms, project.updated_at_ms)
        row = (project.project_id, project.object_id, project.name, *times, project.retention_days)
        member = (project.project_id, owner_id, "owner", self._clock(), new_object_id())

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO projects VALUES (?, ?, ?, ?, ?, ?)", row)
            connection.execute(INSERT_MEMBER, member)

        self._writer.run(insert)

    def projects_of(self, user_id: str) -> Sequence[Project]:
        """List the user's projects, oldest first."""
        rows = self._readers.all(
            f"{_PROJECT} JOIN project_members m ON m.project_id = p.project_id WHERE m.user_id = ?"
            " ORDER BY p.created_at_ms, p.oid",
            (user_id,),
        )
        return [Project(*row) for row in rows]

    def project(self, project_id: str) -> Project | None:
        """Find a project."""
        row = self._readers.first(f"{_PROJECT} WHERE p.project_id = ?", (project_id,))
        return None if row is None else Project(*row)

    def update_project(
        self, project_id: str, *, name: str | None, retention_days: int | Unchanged | None
    ) -> Project | None:
        """Change the fields that are given, and return the project as it is then."""
        changes: dict[str, object] = {} if name is None else {"name": name}
        if not isinstance(retention_days, Unchanged):
            changes["retention_days"] = retention_days
        assignments = "".join(f"{column} = ?, " for column in changes)
        parameters = (*changes.values(), self._clock(), project_id)

        def update(connection: sqlite3.Connection) -> Project | None:
            connection.execute(
                f"UPDATE projects SET {assignments}updated_at_ms = max(updated_at_ms, ?) WHERE project_id = ?",
                parameters,
            )
            row = connection.execute(f"{_PROJECT} WHERE p.project_id = ?", (project_id,)).fetchone()
            return None if row is None else Project(*row)

        return self._writer.run(update)


def _user(row: Any) -> User | None:
    return None if row is None else User(*row)
