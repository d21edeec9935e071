"""What nobody goes on with, or asks for, on S3."""

from collections.abc import Iterator
from itertools import groupby

from xray_backend.blobs.base import Recorded
from xray_backend.blobs.data_path import is_data_path
from xray_backend.blobs.s3_bucket import S3Bucket, Stored
from xray_backend.blobs.s3_notes import UPLOADS, Note, Notes
from xray_backend.blobs.s3_parts import S3Parts

__all__ = ["S3Sweep"]


class S3Sweep:
    """Finds and removes it; every method blocks, and raises `Unavailable` if S3 or the store is away."""

    def __init__(self, bucket: S3Bucket, recorded: Recorded) -> None:
        self._bucket = bucket
        self._recorded = recorded
        self._notes = Notes(bucket)
        self._parts = S3Parts(bucket)

    def uploads(self, still_since_seconds: float) -> Iterator[int]:
        """Remove the uploads that nobody went on with since then; yield how many went, one by one."""
        for page in self._notes.pages():
            for stored in page:
                if stored.changed_at_seconds < still_since_seconds:
                    yield self._upload(stored, still_since_seconds)
        yield from self._unnoted(still_since_seconds)

    def uploads_of(self, project_id: str, limit: int) -> bool:
        """Remove uploads of a project until `limit` objects are gone; tell whether these were all."""
        found, are_all = self._notes.first_of(project_id, limit)
        for stored in found:
            self._remove(stored, self._notes.beside(stored.key))
        return are_all

    def blobs(self, still_since_seconds: float) -> Iterator[int]:
        """Remove the blobs that were there then already and have no record; yield how many went, page by page."""
        for page in self._bucket.pages(self._bucket.url.prefix):
            old = [stored for stored in page if stored.changed_at_seconds < still_since_seconds]
            orphans = self._without_record(old)
            self._bucket.delete(orphans)
            yield len(orphans)

    def _upload(self, stored: Stored, still_since_seconds: float) -> int:
        note = self._notes.beside(stored.key)
        if note is not None and not note.is_completed and self._went_on(note, still_since_seconds):
            return 0
        return self._remove(stored, note)

    def _went_on(self, note: Note, since_seconds: float) -> bool:
        there = self._parts.there(self._notes.bytes_key(note.data_path, note.upload_id), note.s3_upload_id)
        return any(part.changed_at_seconds >= since_seconds for part in (there or {}).values())

    def _remove(self, stored: Stored, note: Note | None) -> int:
        """Remove an upload; bytes whose note is gone were left behind by one that was removed while it was joined."""
        if note is None:
            self._bucket.delete([stored.key])
            return 1
        self._parts.abort(self._notes.bytes_key(note.data_path, note.upload_id), note.s3_upload_id)
        self._notes.forget(note)
        return 1

    def _unnoted(self, still_since_seconds: float) -> Iterator[int]:
        """Give up what S3 keeps and no note tells of: a server ended between the two, or while it copied."""
        for upload in self._parts.unfinished():
            is_old = upload.begun_at_seconds < still_since_seconds
            is_noted = upload.key.startswith(self._bucket.url.key(UPLOADS)) and self._notes.beside(upload.key)
            if is_old and not is_noted:
                self._parts.abort(upload.key, upload.s3_upload_id)
                yield 1

    def _without_record(self, stored: list[Stored]) -> list[str]:
        """Return the keys of those that could be blobs and that no record names; a listing is in order of project."""
        prefix = self._bucket.url.prefix
        names = [found.key.removeprefix(prefix) for found in stored]
        orphans: list[str] = []
        for project_id, group in groupby(filter(is_data_path, names), lambda name: name.partition("/")[0]):
            data_ids = [name.partition("/")[2] for name in group]
            known = self._recorded(project_id, data_ids)
            orphans += [prefix + f"{project_id}/{data_id}" for data_id in data_ids if data_id not in known]
        return orphans
