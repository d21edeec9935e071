"""Projects."""

from typing import Annotated

import msgspec
from flask import Blueprint, Response
from msgspec import UNSET, UnsetType

from xray_backend.api.answers import answer
from xray_backend.api.context import require_member, require_owner, require_user, services
from xray_backend.api.described import described
from xray_backend.api.request_body import read_fields
from xray_backend.clock import iso
from xray_backend.errors import BadRequest
from xray_backend.store.records import UNCHANGED, Project

__all__ = ["blueprint"]

blueprint = Blueprint("projects", __name__, url_prefix="/api/v1/projects")


MAX_RETENTION_DAYS = 36_500  # a century; longer is for ever, which null says
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Days = Annotated[int, msgspec.Meta(ge=1, le=MAX_RETENTION_DAYS)]


class NewProject(msgspec.Struct):
    """What a project begins with."""

    name: Name


class ProjectChange(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What is to change; a field that is not known would change nothing without saying so."""

    name: Name | UnsetType = UNSET
    retention_days: Days | UnsetType | None = UNSET


class ProjectView(msgspec.Struct, rename="camel"):
    """A project as it is shown."""

    project_id: str
    name: str
    object_id: str = msgspec.field(name="_id")
    created_at: str
    updated_at: str
    version: int = msgspec.field(name="__v", default=0)


class ProjectSettingsView(ProjectView, rename="camel", kw_only=True):
    """A project with its settings; traces older than its retention are deleted, null keeps them for ever."""

    retention_days: int | None


@blueprint.post("")
@described({"project": ProjectView}, body=NewProject, credentials="token")
def create_project() -> Response:
    """Make a project; the caller becomes its owner."""
    user = require_user()
    project = services().projects.create(read_fields(NewProject).name, user.user_id)
    return answer({"project": _shown(project)})


@blueprint.get("")
@described({"projects": list[ProjectView]}, credentials="token")
def list_projects() -> Response:
    """List the projects that the caller is a member of."""
    found = services().projects.of_user(require_user().user_id)
    return answer({"projects": [_shown(project) for project in found]})


@blueprint.get("/<project_id>")
@described({"project": ProjectSettingsView}, credentials="token", errors=(403, 404))
def get_project(project_id: str) -> Response:
    """Show a project."""
    require_member(project_id)
    return answer({"project": _with_settings(services().projects.get(project_id))})


@blueprint.patch("/<project_id>")
@described({"project": ProjectSettingsView}, body=ProjectChange, credentials="token", errors=(403, 404))
def change_project(project_id: str) -> Response:
    """Rename a project, set for how many days its traces are kept (null: for ever), or both."""
    require_owner(project_id)
    given = read_fields(ProjectChange)
    if given.name is UNSET and given.retention_days is UNSET:
        raise BadRequest("Nothing is to change: send name, retentionDays or both.")
    changed = services().projects.update(
        project_id,
        name=None if given.name is UNSET else given.name,
        retention_days=UNCHANGED if given.retention_days is UNSET else given.retention_days,
    )
    return answer({"project": _with_settings(changed)})


def _with_settings(project: Project) -> ProjectSettingsView:
    return ProjectSettingsView(**msgspec.structs.asdict(_shown(project)), retention_days=project.retention_days)


# No slash at the end: a client that is told to delete the trace `..` asks for `/projects/{projectId}/`.
@blueprint.delete("/<project_id>", strict_slashes=True)
@described({"success": bool}, credentials="token", errors=(403, 404))
def delete_project(project_id: str) -> Response:
    """Delete a project with all its data, blobs and keys, for good."""
    require_owner(project_id)
    services().deletion.project(project_id)
    return answer({"success": True})


def _shown(project: Project) -> ProjectView:
    return ProjectView(
        project_id=project.project_id,
        name=project.name,
        object_id=project.object_id,
        created_at=iso(project.created_at_ms),
        updated_at=iso(project.updated_at_ms),
    )
