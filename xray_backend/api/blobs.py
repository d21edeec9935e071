"""Captured values that come and go by themselves, through URLs that this server signed."""

from flask import Blueprint, Response, request

from xray_backend.api import parameters
from xray_backend.api.answers import answer
from xray_backend.api.described import described
from xray_backend.api.ranges import RANGE_PARAMETERS, send_bytes
from xray_backend.api.request_body import BodyStream
from xray_backend.blobs.disposition import headers_for
from xray_backend.blobs.files import FileBlobStore

__all__ = ["make_blueprint"]


def make_blueprint(files: FileBlobStore, max_blob_bytes: int) -> Blueprint:
    """Return the routes that the signed URLs of this blob store name."""
    blueprint = Blueprint("blobs", __name__, url_prefix="/blobs/<project_id>/<data_id>")

    @blueprint.put("")
    @described({"success": bool}, body="application/octet-stream", credentials="signature", errors=(409, 413, 503))
    def put_blob(project_id: str, data_id: str) -> Response:
        """Store a value; it is on disk when the answer comes."""
        content_type = request.headers.get("Content-Type")
        body = BodyStream(max_blob_bytes)
        files.put(f"{project_id}/{data_id}", parameters.signed(), content_type, body)
        return answer({"success": True})

    @blueprint.put("/parts/<part_number>")
    @described(
        {"success": bool},
        body="application/octet-stream",
        credentials="signature",
        errors=(404, 409, 413, 503),
        headers={"ETag": "What completing the upload asks for."},
    )
    def put_part(project_id: str, data_id: str, part_number: str) -> Response:
        """Store one part of a value; it is on disk when the answer comes, whose ETag header completing it asks for."""
        body = BodyStream(max_blob_bytes)
        etag = files.put_part(f"{project_id}/{data_id}", part_number, parameters.signed(), body)
        response = answer({"success": True})
        response.headers["ETag"] = etag
        return response

    @blueprint.get("")
    @described(
        "application/octet-stream",
        credentials="signature",
        parameters=RANGE_PARAMETERS,
        is_ranged=True,
        errors=(404, 503),
    )
    def get_blob(project_id: str, data_id: str) -> Response:
        """Give a value back, or a range of its bytes; what a browser might run is a download."""
        blob = files.get(f"{project_id}/{data_id}", parameters.signed())
        headers = headers_for(blob.terms.get("type"), blob.terms.get("name", data_id))
        return send_bytes(blob.file, blob.size_bytes, blob.etag, headers)

    return blueprint
