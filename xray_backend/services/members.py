"""The people of a project."""

from collections.abc import Sequence

from xray_backend.errors import NotFound
from xray_backend.store.base import Store
from xray_backend.store.records import Member, Role

__all__ = ["Members"]


class Members:
    """Takes people into projects and out of them; that the caller may is checked before."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, project_id: str, email: str, role: Role) -> Member:
        """Take in who has this e-mail. Raises `NotFound` if nobody has, `Conflict` if they are a member already."""
        user = self._store.user_by_email(email.lower())
        if user is None:
            raise NotFound("Nobody with this e-mail has an account here; ask them to register first.")
        return self._store.add_member(project_id, user, role)

    def of_project(self, project_id: str) -> Sequence[Member]:
        """List the members in the order in which they came."""
        return self._store.members_of(project_id)

    def remove(self, project_id: str, user_id: str) -> None:
        """Take a member out. Raises `NotFound` if they are none, `Conflict` if they are the last owner."""
        self._store.remove_member(project_id, user_id)
