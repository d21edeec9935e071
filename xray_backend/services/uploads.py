"""Announcing values that are too large for an event, and where they may be uploaded to."""

from collections.abc import Sequence
from dataclasses import dataclass

from xray_backend.blobs.base import BlobStore, UploadTerms
from xray_backend.errors import ApiError
from xray_backend.ingest.bus import Bus
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.presign import data_event, parse_presign, parse_presign_batch
from xray_backend.ingest.processor import Processor
from xray_backend.ingest.shapes import PresignRequest

__all__ = ["Upload", "Uploads"]


@dataclass(frozen=True)
class Upload:
    """Where one value goes."""

    presigned_url: str
    data_path: str


class Uploads:
    """Records the value first, and gives out the URL when that is durable."""

    def __init__(self, bus: Bus, processor: Processor, blobs: BlobStore, limits: Limits) -> None:
        self._bus = bus
        self._processor = processor
        self._blobs = blobs
        self._limits = limits

    def announce(self, project_id: str, body: bytes) -> Upload:
        """Announce one value. Raises `BadRequest`, `TooLarge`, or `Unavailable` if it cannot be recorded."""
        wanted = parse_presign(body, self._limits)
        self._publish(project_id, [wanted])
        return self._upload(project_id, wanted)

    def announce_all(self, project_id: str, body: bytes) -> Sequence[Upload | ApiError]:
        """Announce many values, in order; an error stands in the place of one that is not valid. Raises as above."""
        items = parse_presign_batch(body, self._limits)
        self._publish(project_id, [item for item in items if not isinstance(item, ApiError)])
        return [item if isinstance(item, ApiError) else self._upload(project_id, item) for item in items]

    def _publish(self, project_id: str, wanted: Sequence[PresignRequest]) -> None:
        if wanted:
            self._bus.publish(self._processor.to_batch(project_id, [data_event(item) for item in wanted]))

    def _upload(self, project_id: str, wanted: PresignRequest) -> Upload:
        data_path = f"{project_id}/{wanted.data_id}"
        terms = UploadTerms(wanted.content_type, wanted.size_bytes, wanted.sha256)
        return Upload(self._blobs.presign_put(data_path, terms), data_path)
