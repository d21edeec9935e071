"""URLs of S3 that clients use with no header but those that they send anyway.

An S3 client would send the SHA-256 of a body in a header of Amazon's, which has to be sent as it was signed. Ours are
told nothing but a URL. What S3 takes from a URL as well is the hash of the payload that is part of each signature.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from xray_backend.blobs.base import UploadTerms
from xray_backend.blobs.disposition import headers_for
from xray_backend.blobs.s3_bucket import S3Bucket, s3_errors
from xray_backend.blobs.signing import LIFETIME_SECONDS

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

__all__ = ["S3Signer"]

_ANY_PAYLOAD: Final = "UNSIGNED-PAYLOAD"
_PAYLOAD: Final = "X-Amz-Content-Sha256"


class S3Signer:
    """Signs one request each, for an hour; neither blocks nor talks to S3. Raises `Unavailable` without credentials."""

    def __init__(self, bucket: S3Bucket) -> None:
        self._bucket = bucket

    def put(self, key: str, terms: UploadTerms) -> str:
        """Return the URL for the PUT of a whole value."""
        sha256 = terms.sha256 if self._bucket.url.signs_sha256 else None
        return self._put(key, {}, _signed_headers(terms), sha256)

    def part(self, key: str, s3_upload_id: str, part_number: int, size_bytes: int) -> str:
        """Return the URL for the PUT of a part."""
        query = {"partNumber": str(part_number), "uploadId": s3_upload_id}
        return self._put(key, query, _signed_headers(UploadTerms(size_bytes=size_bytes)), None)

    def get(self, key: str, file_name: str, content_type: str | None) -> str:
        """Return the URL for a GET, answered with the headers that keep a browser from running what comes."""
        headers = headers_for(content_type, file_name)
        with s3_errors():
            return self._bucket.public_client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket.url.bucket,
                    "Key": key,
                    "ResponseContentType": headers["Content-Type"],
                    "ResponseContentDisposition": headers["Content-Disposition"],
                    "ResponseCacheControl": headers["Cache-Control"],
                },
                ExpiresIn=LIFETIME_SECONDS,
            )

    def _put(self, key: str, query: Mapping[str, str], headers: Mapping[str, str], sha256: str | None) -> str:
        with s3_errors():
            client = self._bucket.public_client
            place = {"Bucket": self._bucket.url.bucket, "Key": key}
            address = client.generate_presigned_url("put_object", Params=place).partition("?")[0]
            request = AWSRequest("PUT", address, headers=dict(headers), params=dict(query))
            if sha256 is not None:
                request.params[_PAYLOAD] = sha256
            _Signature(self._bucket.credentials(), client.meta.region_name, sha256 or _ANY_PAYLOAD).add_auth(request)
        return str(request.url)


class _Signature(S3SigV4QueryAuth):
    """botocore's signature of a URL, over a payload that is known."""

    def __init__(self, credentials: "ReadOnlyCredentials", region: str, payload: str) -> None:
        super().__init__(credentials, "s3", region, expires=LIFETIME_SECONDS)
        self._payload = payload

    def payload(self, request: AWSRequest) -> str:
        """Return what the signature says of the body."""
        return self._payload


def _signed_headers(terms: UploadTerms) -> dict[str, str]:
    headers = {} if terms.size_bytes is None else {"Content-Length": str(terms.size_bytes)}
    return headers if terms.content_type is None else {**headers, "Content-Type": terms.content_type}
