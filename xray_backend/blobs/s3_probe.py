"""Whether a store holds an upload to the SHA-256 in its URL: no document of S3 says so of a URL, so it is tried."""

import hashlib
import secrets
from dataclasses import replace
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from xray_backend.blobs.base import UploadTerms
from xray_backend.blobs.s3_bucket import S3Bucket
from xray_backend.blobs.s3_notes import UPLOADS
from xray_backend.blobs.s3_signing import S3Signer
from xray_backend.errors import ConfigurationError, Unavailable

__all__ = ["try_sha256"]

_RIGHT: Final = b"right"
_WRONG: Final = b"wrong"
_ANSWER_SECONDS: Final = 30  # five bytes; a store that needs longer is away


def try_sha256(bucket: S3Bucket) -> str:
    """Upload right and wrong bytes to a URL, remove them, and tell what came of it.

    Raises `ConfigurationError` if the store refuses the right ones, `Unavailable` if it is away.
    """
    if not bucket.url.signs_sha256:
        return "Uploads are held to their size and type, not to their SHA-256, as sha256=unsigned says."
    key = bucket.url.key(f"{UPLOADS}probe-{secrets.token_hex(8)}")
    terms = UploadTerms(size_bytes=len(_RIGHT), sha256=hashlib.sha256(_RIGHT).hexdigest())
    # Clients may reach the store by a name that this program does not: it signs for its own.
    url = S3Signer(S3Bucket(replace(bucket.url, public_endpoint=None))).put(key, terms)
    try:
        takes_right, takes_wrong = _takes(url, _RIGHT), _takes(url, _WRONG)
    finally:
        bucket.delete([key])
    if not takes_right:
        raise ConfigurationError(
            "The store refuses a URL whose signature holds a SHA-256; add sha256=unsigned to the URL of the blob store."
        )
    if takes_wrong:
        return "This store does not hold uploads to their SHA-256: it takes other bytes of the same size."
    return "Uploads are held to their size, type and SHA-256."


def _takes(url: str, body: bytes) -> bool:
    request = Request(url, body, {"Content-Type": "application/octet-stream"}, method="PUT")  # noqa: S310 - http or https
    try:
        with urlopen(request, timeout=_ANSWER_SECONDS):  # noqa: S310 - as above
            return True
    except HTTPError as error:
        error.close()
        return False
    except (URLError, OSError):
        raise Unavailable("The blob store cannot be reached by the URLs that are signed for it.") from None
