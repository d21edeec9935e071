"""URLs to which large values are uploaded."""

import msgspec
from flask import Blueprint, Response
from msgspec import UNSET, UnsetType

from xray_backend.api.answers import answer
from xray_backend.api.context import require_key, services
from xray_backend.api.described import described
from xray_backend.api.request_body import read_body
from xray_backend.api.request_ids import request_id
from xray_backend.blobs.base import PartsUpload
from xray_backend.errors import ApiError
from xray_backend.ingest.shapes import CompleteRequest, PresignRequest
from xray_backend.services.uploads import Upload

__all__ = ["blueprint"]

blueprint = Blueprint("presign", __name__, url_prefix="/api/v1/presign")


class PresignBatch(msgspec.Struct):
    """Many values at once."""

    items: list[PresignRequest]


class PartView(msgspec.Struct, rename="camel"):
    """One part: its ETag if it is there already, else where it goes."""

    part_number: int
    etag: str | UnsetType = UNSET
    presigned_url: str | UnsetType = UNSET


class PartsView(msgspec.Struct, rename="camel"):
    """All parts of a value over 5 MiB, in order; each has this size, the last one the rest."""

    upload_id: str
    part_size_bytes: int
    parts: list[PartView]


class UploadView(msgspec.Struct, rename="camel"):
    """Where one value goes, as a whole or in parts, or why it may not."""

    presigned_url: str | UnsetType = UNSET
    data_path: str | UnsetType = UNSET
    upload: PartsView | UnsetType = UNSET
    error: str | UnsetType = UNSET


@blueprint.post("")
@described(
    {"dataPath": str, "presignedUrl": str | UnsetType, "upload": PartsView | UnsetType},
    body=PresignRequest,
    credentials="key",
    errors=(404,),
)
def presign() -> Response:
    """Announce a value, and get a URL for one PUT of it within 60 minutes, or over 5 MiB one for each part."""
    owner = require_key()
    return answer(_shown(services().uploads.announce(owner.project_id, read_body(), request_id())))


@blueprint.post("/batch")
@described({"items": list[UploadView]}, body=PresignBatch, credentials="key")
def presign_batch() -> Response:
    """Announce many values; the answers come in order, each as for one value, or an error."""
    owner = require_key()
    made = services().uploads.announce_all(owner.project_id, read_body(), request_id())
    return answer({"items": [_shown(item) for item in made]})


@blueprint.post("/complete")
@described({"success": bool}, body=CompleteRequest, credentials="key", errors=(404,))
def complete() -> Response:
    """Put the parts of a value together; it is checked and on disk when the answer comes. May be repeated."""
    owner = require_key()
    services().uploads.complete(owner.project_id, read_body())
    return answer({"success": True})


def _shown(item: Upload | ApiError) -> UploadView:
    if isinstance(item, ApiError):
        return UploadView(error=item.message)
    if item.parts is not None:
        return UploadView(data_path=item.data_path, upload=_parts(item.parts))
    return UploadView(data_path=item.data_path, presigned_url=item.presigned_url or UNSET)


def _parts(upload: PartsUpload) -> PartsView:
    views = [
        PartView(part.part_number, etag=part.etag or UNSET, presigned_url=part.presigned_url or UNSET)
        for part in upload.parts
    ]
    return PartsView(upload.upload_id, upload.part_size_bytes, views)
