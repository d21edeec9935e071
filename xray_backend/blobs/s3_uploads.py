"""Uploads in parts to S3: begun, gone on with after any interruption, checked and completed."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from msgspec.structs import replace

from xray_backend.blobs.base import PartsUpload, UploadPart, UploadTerms
from xray_backend.blobs.part_checks import check_etags, held_to, not_as_announced
from xray_backend.blobs.part_plan import plan_parts
from xray_backend.blobs.s3_bucket import MISSING, S3Bucket, code_of, s3_errors
from xray_backend.blobs.s3_notes import Note, Notes
from xray_backend.blobs.s3_parts import S3Parts
from xray_backend.blobs.s3_signing import S3Signer
from xray_backend.errors import ApiError, BadRequest, NotFound, Unavailable

__all__ = ["S3Uploads"]

_UNKNOWN: Final = "This value has no such upload that could go on; begin a new one, without `uploadId`."
_IN_USE: Final = "This upload is just being completed; try again."
_MIB: Final = 1024 * 1024
_CHUNK_BYTES: Final = 256 * 1024  # sixteen that are completed at once hold 4 MiB
# One call would copy up to 5 GiB, in silence; a piece of 64 MiB takes a second or two, and four go at once.
_COPYING: Final = TransferConfig(multipart_threshold=64 * _MIB, multipart_chunksize=64 * _MIB, max_concurrency=4)


class S3Uploads:
    """Keeps all that it knows in the bucket, so that any process of any server goes on where another ended.

    The parts become an object beside the blobs; only what was checked is copied to its name, within S3.
    """

    def __init__(
        self,
        bucket: S3Bucket,
        signer: S3Signer,
        record_of: Callable[[str], tuple[int | None, str | None]],
    ) -> None:
        self._bucket = bucket
        self._signer = signer
        self._record_of = record_of
        self._notes = Notes(bucket)
        self._parts = S3Parts(bucket)

    def begin(self, data_path: str, terms: UploadTerms) -> PartsUpload:
        """Begin another upload, which has nothing to do with those before."""
        if not terms.size_bytes:
            raise BadRequest("An upload in parts needs `sizeBytes`.")
        upload_id = self._notes.new_upload_id()
        s3_upload_id = self._parts.begin(self._notes.bytes_key(data_path, upload_id))
        note = Note(data_path, upload_id, s3_upload_id, terms.sha256, plan_parts(terms.size_bytes))
        self._notes.write(note)
        return self._shown(note, {})

    def resume(self, data_path: str, upload_id: str, terms: UploadTerms) -> PartsUpload:
        """Return what is there, and URLs for the rest."""
        note = self._found(data_path, upload_id)
        if terms.size_bytes not in (None, note.plan.size_bytes) or terms.sha256 not in (None, note.sha256):
            raise BadRequest("The upload of this `uploadId` began with another `sizeBytes` or `sha256`.")
        there = None if note.is_completed else self._parts.there(self._key(note), note.s3_upload_id)
        if there is None:
            raise NotFound(_UNKNOWN)
        self._notes.write(note)  # the sweep leaves alone what somebody goes on with
        return self._shown(note, {number: part.etag for number, part in there.items()})

    def complete(self, data_path: str, upload_id: str, etags: Mapping[int, str]) -> None:
        """Check the parts and the whole, and give the bytes their name."""
        note = self._found(data_path, upload_id)
        terms = held_to(UploadTerms(size_bytes=note.plan.size_bytes, sha256=note.sha256), self._record_of(data_path))
        if note.is_completed:
            if not self._bucket.exists(self._bucket.url.key(data_path)):
                raise NotFound(_UNKNOWN)
            return
        self._join(note, etags)
        self._check(note, terms.sha256)
        self._take_name(note)

    def _found(self, data_path: str, upload_id: str) -> Note:
        note = self._notes.find(data_path, upload_id)
        if note is None:
            raise NotFound(_UNKNOWN)
        return note

    def _key(self, note: Note) -> str:
        return self._notes.bytes_key(note.data_path, note.upload_id)

    def _shown(self, note: Note, etags: Mapping[int, str]) -> PartsUpload:
        parts = [
            UploadPart(number, etag=etags[number])
            if number in etags
            else UploadPart(number, presigned_url=self._url(note, number))
            for number in range(1, note.plan.count + 1)
        ]
        return PartsUpload(note.upload_id, note.plan.part_size_bytes, parts)

    def _url(self, note: Note, part_number: int) -> str:
        return self._signer.part(self._key(note), note.s3_upload_id, part_number, note.plan.length(part_number))

    def _join(self, note: Note, given: Mapping[int, str]) -> None:
        """Make one object of the parts, unless a call that was interrupted, or another one, has done so."""
        there = self._parts.there(self._key(note), note.s3_upload_id)
        if there is None:
            return
        etags = {number: part.etag for number, part in there.items()}
        check_etags(note.plan.count, etags, given)
        self._parts.join(self._key(note), note.s3_upload_id, etags)

    def _check(self, note: Note, sha256: str | None) -> None:
        """Hold the whole against what was announced. Raises `BadRequest` if it differs; then the upload is gone."""
        size_bytes = self._bucket.size_of(self._key(note))
        if size_bytes is None:
            raise self._lost(note)
        if size_bytes != note.plan.size_bytes or (sha256 is not None and self._sha256(note) != sha256):
            self._notes.forget(note)
            raise not_as_announced()

    def _lost(self, note: Note) -> ApiError:
        """Return what is said of parts that are nowhere: another call took them just now, or the upload is gone."""
        now = self._notes.find(note.data_path, note.upload_id)
        if now is not None and now.is_completed:
            return Unavailable(_IN_USE, retry_after_seconds=1)
        return NotFound(_UNKNOWN)

    def _sha256(self, note: Note) -> str:
        digest = hashlib.sha256()
        with _while_it_is_there():
            found = self._bucket.client.get_object(Bucket=self._bucket.url.bucket, Key=self._key(note))
            for chunk in found["Body"].iter_chunks(_CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def _take_name(self, note: Note) -> None:
        name, source = self._bucket.url.bucket, self._key(note)
        with _while_it_is_there():
            self._bucket.client.copy(
                {"Bucket": name, "Key": source}, name, self._bucket.url.key(note.data_path), Config=_COPYING
            )
        self._notes.write(replace(note, is_completed=True))
        self._bucket.delete([source])


@contextmanager
def _while_it_is_there() -> Iterator[None]:
    """Raise what it means to a client that somebody else just completed the upload, and took the bytes away."""
    with s3_errors():
        try:
            yield
        except ClientError as error:
            if code_of(error) in MISSING:
                raise Unavailable(_IN_USE, retry_after_seconds=1) from None
            raise
