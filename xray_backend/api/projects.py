"""Projects."""

from typing import Annotated

import msgspec
from flask import Blueprint, Response

from xray_backend.api.answers import answer
from xray_backend.api.context import require_member, require_owner, require_user, services
from xray_backend.api.described import described
from xray_backend.api.request_body import read_fields
from xray_backend.clock import iso
from xray_backend.store.base import Project

__all__ = ["blueprint"]

blueprint = Blueprint("projects", __name__, url_prefix="/api/v1/projects")


class NewProject(msgspec.Struct):
    """What a project begins with."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ProjectView(msgspec.Struct, rename="camel"):
    """A project as it is shown."""

    project_id: str
    name: str
    object_id: str = msgspec.field(name="_id")
    created_at: str
    updated_at: str
    version: int = msgspec.field(name="__v", default=0)


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
@described({"project": ProjectView}, credentials="token", errors=(403,))
def get_project(project_id: str) -> Response:
    """Show a project."""
    require_member(project_id)
    return answer({"project": _shown(services().projects.get(project_id))})


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
