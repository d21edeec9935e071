"""S3's own uploads in parts: what each of its calls means to us."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from xray_backend.blobs.s3_bucket import S3Bucket, code_of, s3_errors
from xray_backend.errors import BadRequest

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

__all__ = ["S3Part", "S3Parts", "Unfinished"]

_GONE: Final = "NoSuchUpload"
_REFUSED: Final = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall"})


@dataclass(frozen=True)
class S3Part:
    """A part that is there."""

    etag: str
    changed_at_seconds: float


@dataclass(frozen=True)
class Unfinished:
    """An upload that S3 still keeps the parts of."""

    key: str
    s3_upload_id: str
    begun_at_seconds: float


class S3Parts:
    """Every method blocks, and raises `Unavailable` if S3 is away."""

    def __init__(self, bucket: S3Bucket) -> None:
        self._bucket = bucket
        self._name = bucket.url.bucket

    def begin(self, key: str) -> str:
        """Begin an upload; returns S3's id of it."""
        with s3_errors():
            return self._bucket.client.create_multipart_upload(Bucket=self._name, Key=key)["UploadId"]

    def there(self, key: str, s3_upload_id: str) -> dict[int, S3Part] | None:
        """Return the parts that are there; None if the upload is joined, or gone."""
        pages = self._bucket.client.get_paginator("list_parts").paginate(
            Bucket=self._name, Key=key, UploadId=s3_upload_id
        )
        with s3_errors():
            try:
                return {
                    part["PartNumber"]: S3Part(part["ETag"], part["LastModified"].timestamp())
                    for page in pages
                    for part in page.get("Parts", ())
                }
            except ClientError as error:
                if code_of(error) == _GONE:
                    return None
                raise

    def join(self, key: str, s3_upload_id: str, etags: Mapping[int, str]) -> None:
        """Make one object of the parts; does nothing if somebody else just did.

        Raises `BadRequest` if a part is none, or became another meanwhile; then the upload is gone.
        """
        parts: list[CompletedPartTypeDef] = [
            {"PartNumber": number, "ETag": etag} for number, etag in sorted(etags.items())
        ]
        with s3_errors():
            try:
                self._bucket.client.complete_multipart_upload(
                    Bucket=self._name, Key=key, UploadId=s3_upload_id, MultipartUpload={"Parts": parts}
                )
            except ClientError as error:
                if code_of(error) == _GONE:
                    return
                if code_of(error) not in _REFUSED:
                    raise
                self.abort(key, s3_upload_id)
                raise BadRequest("A part is too small, or changed meanwhile; upload the value again.") from None

    def abort(self, key: str, s3_upload_id: str) -> None:
        """Give an upload up; one that is gone is given up already."""
        with s3_errors():
            try:
                self._bucket.client.abort_multipart_upload(Bucket=self._name, Key=key, UploadId=s3_upload_id)
            except ClientError as error:
                if code_of(error) != _GONE:
                    raise

    def unfinished(self) -> Iterator[Unfinished]:
        """Return all uploads below our prefix; MinIO lists none by a prefix, so all of the bucket's are asked for."""
        pages = self._bucket.client.get_paginator("list_multipart_uploads").paginate(Bucket=self._name)
        with s3_errors():
            for upload in (upload for page in pages for upload in page.get("Uploads", ())):
                if upload["Key"].startswith(self._bucket.url.prefix):
                    yield Unfinished(upload["Key"], upload["UploadId"], upload["Initiated"].timestamp())
