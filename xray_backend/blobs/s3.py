"""Blobs on S3, `{projectId}/{dataId}` below a prefix, through URLs that S3 itself checks."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from xray_backend.blobs.base import BlobStore, PartsUpload, Recorded, UploadTerms
from xray_backend.blobs.data_path import checked
from xray_backend.blobs.s3_bucket import S3Bucket
from xray_backend.blobs.s3_notes import UPLOADS
from xray_backend.blobs.s3_signing import S3Signer
from xray_backend.blobs.s3_sweep import S3Sweep
from xray_backend.blobs.s3_uploads import S3Uploads
from xray_backend.blobs.s3_url import S3Url

__all__ = ["S3BlobStore"]

ABANDONED_SECONDS: Final = 24 * 60 * 60  # a laptop that was closed in the evening goes on in the morning
# A value's record may come as late as a queue keeps it: a week, or a month where it was set aside.
UNRECORDED_SECONDS: Final = 32 * 24 * 60 * 60


class S3BlobStore(BlobStore):
    """Asks nobody while bytes come: S3 holds them to what the URL signed, and a value may be recorded after them."""

    def __init__(
        self,
        url: S3Url,
        recorded: Recorded,
        *,
        abandoned_seconds: float = ABANDONED_SECONDS,
        unrecorded_seconds: float = UNRECORDED_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bucket = S3Bucket(url)
        self._recorded = recorded
        self._abandoned_seconds = abandoned_seconds
        self._unrecorded_seconds = unrecorded_seconds
        self._clock = clock
        self._signer = S3Signer(self._bucket)
        self._uploads = S3Uploads(self._bucket, self._signer, self._record_of)
        self._abandoned = S3Sweep(self._bucket, recorded)

    def presign_put(self, data_path: str, terms: UploadTerms) -> str:
        """Return a URL for one PUT, which S3 holds to the terms."""
        return self._signer.put(self._key(data_path), terms)

    def presign_get(self, data_path: str, *, file_name: str, content_type: str | None) -> str:
        """Return a URL that a browser opens."""
        return self._signer.get(self._key(data_path), file_name, content_type)

    def begin_upload(self, data_path: str, terms: UploadTerms) -> PartsUpload:
        """Begin an upload in parts."""
        return self._uploads.begin(checked(data_path), terms)

    def resume_upload(self, data_path: str, upload_id: str, terms: UploadTerms) -> PartsUpload:
        """Return the parts that are there and URLs for the rest."""
        return self._uploads.resume(checked(data_path), upload_id, terms)

    def complete_upload(self, data_path: str, upload_id: str, etags: Mapping[int, str]) -> None:
        """Put the parts together."""
        self._uploads.complete(checked(data_path), upload_id, etags)

    def delete(self, data_paths: Sequence[str]) -> int:
        """Remove objects, 1,000 in a request; one that comes while they are counted goes too."""
        keys = [self._key(data_path) for data_path in data_paths]
        there = self._bucket.count(keys)
        self._bucket.delete(keys)
        return there

    def delete_project(self, project_id: str, limit: int) -> tuple[int, bool]:
        """Remove objects, and with the last ones what was about to be uploaded."""
        checked(f"{project_id}/x")
        found, are_all = self._bucket.first(self._bucket.url.key(f"{project_id}/"), limit)
        self._bucket.delete([stored.key for stored in found])
        return len(found), are_all and self._abandoned.uploads_of(project_id, limit)

    def exists(self, data_path: str) -> bool:
        """Ask for the object's headers."""
        return self._bucket.exists(self._key(data_path))

    def sweep(self) -> Iterator[int]:
        """Remove what is abandoned, and much later what has no record: it may still wait in the queue."""
        now_seconds = self._clock()
        yield from self._abandoned.uploads(now_seconds - self._abandoned_seconds)
        yield from self._abandoned.blobs(now_seconds - self._unrecorded_seconds)

    def size_bytes(self) -> int:
        """List all objects."""
        uploads = self._bucket.url.key(UPLOADS)
        pages = self._bucket.pages(self._bucket.url.prefix)
        return sum(stored.size_bytes for page in pages for stored in page if not stored.key.startswith(uploads))

    def ping(self) -> None:
        """Ask for the bucket."""
        self._bucket.ping()

    def _key(self, data_path: str) -> str:
        return self._bucket.url.key(checked(data_path))

    def _record_of(self, data_path: str) -> tuple[int | None, str | None]:
        project_id, _, data_id = checked(data_path).partition("/")
        return self._recorded(project_id, [data_id]).get(data_id, (None, None))
