"""Projects: what people share and keys belong to."""

from collections.abc import Sequence

from xray_backend.clock import now_ms
from xray_backend.errors import NotFound
from xray_backend.ids import new_object_id, new_project_id
from xray_backend.store.base import Store
from xray_backend.store.records import Project, Unchanged

__all__ = ["Projects"]


class Projects:
    """Makes and finds projects; who may see one is checked before."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, name: str, owner_id: str) -> Project:
        """Make a project that belongs to this user."""
        now = now_ms()
        project = Project(new_project_id(), new_object_id(), name, created_at_ms=now, updated_at_ms=now)
        self._store.create_project(project, owner_id)
        return project

    def of_user(self, user_id: str) -> Sequence[Project]:
        """List the projects that a user is a member of."""
        return self._store.projects_of(user_id)

    def update(self, project_id: str, *, name: str | None, retention_days: int | Unchanged | None) -> Project:
        """Rename a project (None: it keeps its name), set its retention, or both. Raises `NotFound` if it is gone."""
        return _found(self._store.update_project(project_id, name=name, retention_days=retention_days))

    def get(self, project_id: str) -> Project:
        """Find a project. Raises `NotFound` if it is gone."""
        return _found(self._store.project(project_id))


def _found(project: Project | None) -> Project:
    if project is None:
        raise NotFound("This project does not exist.")
    return project
