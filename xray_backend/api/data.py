"""Captured values: where each is found, and those that came inside their events."""

import hashlib
import io
from typing import Any

from flask import Blueprint, Response

from xray_backend.api import parameters
from xray_backend.api.answers import answer
from xray_backend.api.context import require_member, services
from xray_backend.api.described import described
from xray_backend.api.ranges import RANGE_PARAMETERS, send_bytes
from xray_backend.blobs.disposition import headers_for

__all__ = ["blueprint"]

blueprint = Blueprint("data", __name__)


@blueprint.get("/api/v1/projects/<project_id>/traces/<trace_id>/data/<data_id>")
@described(
    {
        "presignedUrl": str | None,
        "key": str,
        "metadata": dict[str, Any],
        "contentType": str | None,
        "sizeBytes": int | None,
        "uploaded": bool,
    },
    credentials="token",
    errors=(403, 404),
)
def get_data(project_id: str, trace_id: str, data_id: str) -> Response:
    """Tell where a value is found: a URL that a browser opens for an hour; none while its bytes have not come."""
    require_member(project_id)
    link = services().reading.data(project_id, trace_id, data_id)
    return answer(
        {
            "presignedUrl": link.presigned_url,
            "key": link.record.key,
            "metadata": link.record.metadata,
            "contentType": link.record.content_type,
            "sizeBytes": link.record.size_bytes,
            "uploaded": link.presigned_url is not None,
        }
    )


@blueprint.get("/content/<project_id>/<trace_id>/<data_id>")
@described(
    "application/octet-stream",
    credentials="signature",
    parameters=RANGE_PARAMETERS,
    is_ranged=True,
    errors=(404, 503),
)
def get_content(project_id: str, trace_id: str, data_id: str) -> Response:
    """Give back a value that came inside its event, or a range of its bytes."""
    found = services().reading.content(project_id, trace_id, data_id, parameters.signed())
    etag = f'"{hashlib.sha256(found.content).hexdigest()}"'
    headers = headers_for(found.content_type, found.file_name)
    return send_bytes(io.BytesIO(found.content), len(found.content), etag, headers)
