"""Who may do what in a project: members read and query, owners also decide."""

from xray_backend.errors import Forbidden
from xray_backend.store.base import Store

__all__ = ["Permissions"]


class Permissions:
    """Answers from the store, each time: a member who was removed is out at once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def require_member(self, project_id: str, user_id: str) -> None:
        """Raise `Forbidden` unless the user is a member; the same whether the project exists or not."""
        self._role(project_id, user_id)

    def require_owner(self, project_id: str, user_id: str) -> None:
        """Raise `Forbidden` unless the user is an owner."""
        if self._role(project_id, user_id) != "owner":
            raise Forbidden("Only an owner of the project may do this.")

    def _role(self, project_id: str, user_id: str) -> str:
        role = self._store.role(project_id, user_id)
        if role is None:
            raise Forbidden("You are not a member of this project, or it does not exist.")
        return role
