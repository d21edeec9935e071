"""Recording events."""

import msgspec
from flask import Blueprint, Response, request
from msgspec import UnsetType

from xray_backend.api.answers import answer
from xray_backend.api.context import require_key, services
from xray_backend.api.described import Parameter, described
from xray_backend.api.request_body import read_body
from xray_backend.api.request_ids import request_id
from xray_backend.ingest.shapes import Event
from xray_backend.services.sdk_drops import HEADER_BYTES

__all__ = ["blueprint"]

STATS_HEADER = "x-xray-stats"

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
    parameters={
        STATS_HEADER: Parameter(
            "What the sending process lost since it began, as JSON; shown at /metrics, and ignored if malformed or "
            f"over {HEADER_BYTES} bytes: "
            '{"process":"32 hexadecimal digits","dropped":{"reason":1}}.',
            {"type": "string"},
            place="header",
        )
    },
)
def ingest() -> Response:
    """Record events; on disk, or in the queue, when the answer comes. May be repeated whole: each is stored once."""
    owner = require_key()
    services().sdk_drops.note(owner.project_id, request.headers.get(STATS_HEADER))
    parsed = services().recording.record(owner.project_id, read_body(), request_id())
    if not parsed.rejected:
        return answer({"success": True})
    refused = [RejectionView(rejection.index, rejection.error) for rejection in parsed.rejected]
    return answer({"success": True, "accepted": len(parsed.taken), "rejected": refused})
