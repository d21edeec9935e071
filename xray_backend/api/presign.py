"""URLs to which large values are uploaded."""

import msgspec
from flask import Blueprint, Response
from msgspec import UNSET, UnsetType

from xray_backend.api.answers import answer
from xray_backend.api.context import require_key, services
from xray_backend.api.described import described
from xray_backend.api.request_body import read_body
from xray_backend.errors import ApiError
from xray_backend.ingest.shapes import PresignRequest
from xray_backend.services.uploads import Upload

__all__ = ["blueprint"]

blueprint = Blueprint("presign", __name__, url_prefix="/api/v1/presign")


class PresignBatch(msgspec.Struct):
    """Many values at once."""

    items: list[PresignRequest]


class UploadView(msgspec.Struct, rename="camel"):
    """Where one value goes, or why it may not."""

    presigned_url: str | UnsetType = UNSET
    data_path: str | UnsetType = UNSET
    error: str | UnsetType = UNSET


@blueprint.post("")
@described({"presignedUrl": str, "dataPath": str}, body=PresignRequest, credentials="key")
def presign() -> Response:
    """Announce a value, and get a URL for one PUT of it within 60 minutes."""
    owner = require_key()
    return answer(_shown(services().uploads.announce(owner.project_id, read_body())))


@blueprint.post("/batch")
@described({"items": list[UploadView]}, body=PresignBatch, credentials="key")
def presign_batch() -> Response:
    """Announce many values; the answers come in order, each a URL or an error."""
    owner = require_key()
    made = services().uploads.announce_all(owner.project_id, read_body())
    return answer({"items": [_shown(item) for item in made]})


def _shown(item: Upload | ApiError) -> UploadView:
    if isinstance(item, ApiError):
        return UploadView(error=item.message)
    return UploadView(presigned_url=item.presigned_url, data_path=item.data_path)
