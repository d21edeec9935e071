"""A project's members."""

import msgspec
from flask import Blueprint, Response

from xray_backend.api.answers import answer
from xray_backend.api.context import require_member, require_owner, require_user, services
from xray_backend.api.described import described
from xray_backend.api.request_body import read_fields
from xray_backend.clock import iso
from xray_backend.store.records import Member, Role

__all__ = ["blueprint"]

blueprint = Blueprint("members", __name__, url_prefix="/api/v1/projects/<project_id>/members")


class NewMember(msgspec.Struct, forbid_unknown_fields=True):
    """Who is taken in; a field that is not known might have meant fewer rights."""

    email: str
    role: Role = "member"


class MemberView(msgspec.Struct, rename="camel"):
    """A member as they are shown."""

    id: str
    user_id: str
    email: str
    name: str
    role: Role
    joined_at: str


@blueprint.post("")
@described({"member": MemberView}, body=NewMember, credentials="token", errors=(403, 404, 409))
def add_member(project_id: str) -> Response:
    """Take somebody who has an account into the project, as a member unless the role says owner."""
    require_owner(project_id)
    given = read_fields(NewMember)
    return answer({"member": _shown(services().members.add(project_id, given.email, given.role))})


@blueprint.get("")
@described({"members": list[MemberView]}, credentials="token", errors=(403,))
def list_members(project_id: str) -> Response:
    """List a project's members in the order in which they came."""
    require_member(project_id)
    return answer({"members": [_shown(member) for member in services().members.of_project(project_id)]})


@blueprint.delete("/<user_id>")
@described({"success": bool}, credentials="token", errors=(403, 404, 409))
def remove_member(project_id: str, user_id: str) -> Response:
    """Remove a member; members who are no owners may remove themselves only. The last owner stays."""
    if require_user().user_id == user_id:
        require_member(project_id)
    else:
        require_owner(project_id)
    services().members.remove(project_id, user_id)
    return answer({"success": True})


def _shown(member: Member) -> MemberView:
    return MemberView(
        member.member_id, member.user_id, member.email, member.name, member.role, iso(member.joined_at_ms)
    )
