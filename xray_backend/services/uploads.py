"""Announcing values that are too large for an event, and where they may be uploaded to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from xray_backend.blobs.base import BlobStore, PartsUpload, UploadPart, UploadTerms
from xray_backend.blobs.part_checks import held_to
from xray_backend.blobs.part_plan import plan_parts
from xray_backend.errors import ApiError, BadRequest, NotFound, TooLarge
from xray_backend.ingest.bus import Bus
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.presign import data_event, parse_complete, parse_presign, parse_presign_batch
from xray_backend.ingest.shapes import PresignRequest
from xray_backend.ingest.taken import Taken
from xray_backend.metrics import Metrics
from xray_backend.store.base import Store

__all__ = ["Upload", "Uploads"]

_Records: TypeAlias = Mapping[str, tuple[int | None, str | None]]
"""The size and the SHA-256 in the record of each value that has one."""

NOTHING_TO_SEND = "deleted"
"""The upload of each value whose trace was deleted: all its parts are said to be there, and completing it does nothing.
So a client that comes with it again is done, and sends no byte of it."""

ONE_PUT_BYTES = 5 * 1024 * 1024  # the wire contract's number: what is larger comes in parts


@dataclass(frozen=True)
class Upload:
    """Where one value goes: to one URL as a whole, or in parts."""

    data_path: str
    presigned_url: str | None = None
    parts: PartsUpload | None = None


class Uploads:
    """Records the value first, and gives out the URL when that is durable."""

    def __init__(self, bus: Bus, store: Store, blobs: BlobStore, limits: Limits, metrics: Metrics) -> None:
        self._bus = bus
        self._store = store
        self._blobs = blobs
        self._limits = limits
        self._metrics = metrics

    def announce(self, project_id: str, body: bytes, request_id: str) -> Upload:
        """Announce one value, or go on uploading it.

        Raises `BadRequest`, `TooLarge`, `NotFound` if there is no such upload to go on with, or `Unavailable` if it
        cannot be recorded.
        """
        wanted = parse_presign(body, self._limits)
        refused = self._publish(project_id, [wanted], request_id)
        if refused:
            raise refused[0]
        return self._upload(project_id, wanted, self._recorded(project_id, [wanted]))

    def announce_all(self, project_id: str, body: bytes, request_id: str) -> Sequence[Upload | ApiError]:
        """Announce many values, in order; an error stands in the place of one that is not valid. Raises as above."""
        items = parse_presign_batch(body, self._limits)
        wanted = [item for item in items if not isinstance(item, ApiError)]
        refused = self._publish(project_id, wanted, request_id)
        recorded = self._recorded(project_id, wanted)
        uploads = (
            refused.get(place) or self._upload_or_error(project_id, item, recorded) for place, item in enumerate(wanted)
        )
        return [item if isinstance(item, ApiError) else next(uploads) for item in items]

    def complete(self, project_id: str, body: bytes) -> None:
        """Put the parts of a value together; it is there on return. Raises as `BlobStore.complete_upload`."""
        done = parse_complete(body, self._limits)
        if done.upload_id == NOTHING_TO_SEND:
            return
        etags = {part.part_number: part.etag for part in done.parts}
        self._blobs.complete_upload(f"{project_id}/{done.data_id}", done.upload_id, etags)

    def _publish(self, project_id: str, wanted: Sequence[PresignRequest], request_id: str) -> Mapping[int, TooLarge]:
        """Record the values; what goes on was recorded when it began. Returns why some were refused, by their place."""
        events = {place: data_event(item) for place, item in enumerate(wanted) if item.upload_id is None}
        new = [Taken(place, msgspec.json.encode(event), event) for place, event in events.items()]
        refused = self._bus.publish(project_id, new, request_id) if new else ()
        errors = {rejection.index: TooLarge(rejection.error) for rejection in refused}
        self._metrics.count_accepted({"data": [len(one.text) for one in new if one.place not in errors]})
        for rejection in refused:
            self._metrics.count_rejected(rejection.kind, 1)
        return errors

    def _recorded(self, project_id: str, wanted: Sequence[PresignRequest]) -> _Records:
        """Look once for the records of what goes up in one PUT; a queue may bring some of them later."""
        data_ids = [item.data_id for item in wanted if not _is_in_parts(item)]
        return self._store.recorded_data(project_id, data_ids) if data_ids else {}

    def _upload_or_error(self, project_id: str, wanted: PresignRequest, recorded: _Records) -> Upload | ApiError:
        try:
            return self._upload(project_id, wanted, recorded)
        except (BadRequest, NotFound) as error:
            return error

    def _upload(self, project_id: str, wanted: PresignRequest, recorded: _Records) -> Upload:
        data_path = f"{project_id}/{wanted.data_id}"
        terms = UploadTerms(wanted.content_type, wanted.size_bytes, wanted.sha256)
        in_parts = _is_in_parts(wanted)
        if in_parts and self._store.is_deleted(project_id, wanted.trace_id):
            return Upload(data_path, parts=_nothing_to_send(wanted.size_bytes or 1))
        if wanted.upload_id is not None:
            return Upload(data_path, parts=self._blobs.resume_upload(data_path, wanted.upload_id, terms))
        if in_parts:
            return Upload(data_path, parts=self._blobs.begin_upload(data_path, terms))
        terms = held_to(terms, recorded.get(wanted.data_id, (None, None)))
        return Upload(data_path, presigned_url=self._blobs.presign_put(data_path, terms))


def _is_in_parts(wanted: PresignRequest) -> bool:
    return wanted.upload_id is not None or (wanted.size_bytes or 0) > ONE_PUT_BYTES


def _nothing_to_send(size_bytes: int) -> PartsUpload:
    plan = plan_parts(size_bytes)
    parts = [UploadPart(number, etag='"deleted"') for number in range(1, plan.count + 1)]
    return PartsUpload(NOTHING_TO_SEND, plan.part_size_bytes, parts)
