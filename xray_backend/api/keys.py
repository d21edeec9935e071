"""A project's API keys."""

from typing import Annotated

import msgspec
from flask import Blueprint, Response

from xray_backend.api.answers import answer
from xray_backend.api.context import require_owner, services
from xray_backend.api.described import described
from xray_backend.api.request_body import read_fields
from xray_backend.clock import iso
from xray_backend.store.records import ApiKey

__all__ = ["blueprint"]

blueprint = Blueprint("keys", __name__, url_prefix="/api/v1/projects/<project_id>/keys")


class NewKey(msgspec.Struct):
    """What a key begins with."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class NewKeyView(msgspec.Struct):
    """A key, shown this once."""

    id: str
    key: str
    name: str


class KeyView(msgspec.Struct, rename="camel"):
    """A key as it is listed."""

    id: str
    name: str
    prefix: str
    created_at: str
    last_used_at: str | None
    is_active: bool


@blueprint.post("")
@described({"apiKey": NewKeyView}, body=NewKey, credentials="token", errors=(403,))
def create_key(project_id: str) -> Response:
    """Make a key; it is shown in this answer and never again."""
    require_owner(project_id)
    made = services().api_keys.create(project_id, read_fields(NewKey).name)
    return answer({"apiKey": NewKeyView(made.key_id, made.key, made.name)})


@blueprint.get("")
@described({"apiKeys": list[KeyView]}, credentials="token", errors=(403,))
def list_keys(project_id: str) -> Response:
    """List a project's keys, the revoked among them."""
    require_owner(project_id)
    return answer({"apiKeys": [_shown(key) for key in services().api_keys.of_project(project_id)]})


@blueprint.delete("/<key_id>")
@described({"success": bool}, credentials="token", errors=(403, 404))
def revoke_key(project_id: str, key_id: str) -> Response:
    """Revoke a key; it stops working within 30 seconds everywhere."""
    require_owner(project_id)
    services().api_keys.revoke(project_id, key_id)
    return answer({"success": True})


def _shown(key: ApiKey) -> KeyView:
    last_used = None if key.last_used_at_ms is None else iso(key.last_used_at_ms)
    return KeyView(key.key_id, key.name, key.prefix, iso(key.created_at_ms), last_used, key.is_active)
