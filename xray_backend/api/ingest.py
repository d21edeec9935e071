"""Recording events."""

import msgspec
from flask import Blueprint, Response
from msgspec import UnsetType

from xray_backend.api.answers import answer
from xray_backend.api.context import require_key, services
from xray_backend.api.described import described
from xray_backend.api.request_body import read_body
from xray_backend.ingest.shapes import Event

__all__ = ["blueprint"]

blueprint = Blueprint("ingest", __name__, url_prefix="/api/v1/ingest")


class Batch(msgspec.Struct):
    """Events, in any order; each is taken or refused by itself."""

    events: list[Event]


class RejectionView(msgspec.Struct):
    """An event that was refused: its place in the request, and why."""

    index: int
    error: str


@blueprint.post("")
@described(
    {"success": bool, "accepted": int | UnsetType, "rejected": list[RejectionView] | UnsetType},
    body=Batch,
    credentials="key",
)
def ingest() -> Response:
    """Record events; they are on disk when the answer comes. May be repeated whole: each event is stored once."""
    owner = require_key()
    parsed = services().recording.record(owner.project_id, read_body())
    if not parsed.rejected:
        return answer({"success": True})
    refused = [RejectionView(rejection.index, rejection.error) for rejection in parsed.rejected]
    return answer({"success": True, "accepted": len(parsed.events), "rejected": refused})
