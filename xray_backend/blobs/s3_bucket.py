"""The bucket: its clients, and the few calls that everything on S3 is made of."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from xray_backend.blobs.s3_url import Addressing, S3Url
from xray_backend.errors import Unavailable

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials
    from mypy_boto3_s3 import S3Client

__all__ = ["MISSING", "S3Bucket", "Stored", "code_of", "s3_errors"]

PAGE_KEYS: Final = 1000  # S3's number, for listing as for deleting
RETRY_AFTER_SECONDS: Final = 5  # a server that is started again is there by then
CONNECT_SECONDS: Final = 3  # within one data centre it is milliseconds; a lost packet is sent again after one second
READ_SECONDS: Final = 10  # of silence; what takes S3 longer, as joining many parts, it interrupts with blanks
ATTEMPTS: Final = 2  # so that we answer within the 30 seconds that an SDK waits; it asks again by itself
CONNECTIONS: Final = 32  # twice the threads of a server, since the client for deleting looks for several keys at once
LOOKING_THREADS: Final = 8
MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stored:
    """An object as a listing shows it."""

    key: str
    changed_at_seconds: float
    size_bytes: int


@dataclass(frozen=True)
class _Clients:
    process_id: int
    session: Session
    own: "S3Client"
    public: "S3Client"


class S3Bucket:
    """Talks to one bucket; safe for threads, and made anew by each process that was forked.

    Every method may block for some tens of seconds, and raises `Unavailable` if S3 is away.
    """

    def __init__(self, url: S3Url) -> None:
        self.url = url
        self._made: _Clients | None = None

    @property
    def client(self) -> "S3Client":
        """Return what talks to S3; two threads that ask at once may make two, which does no harm."""
        return self._clients().own

    @property
    def public_client(self) -> "S3Client":
        """Return what makes URLs for those who reach S3 by its public name; it never talks itself."""
        return self._clients().public

    def credentials(self) -> "ReadOnlyCredentials":
        """Return what URLs are signed with at this moment."""
        found = self._clients().session.get_credentials()
        if found is None:
            raise NoCredentialsError
        return found.get_frozen_credentials()

    def exists(self, key: str) -> bool:
        """Tell whether there is such an object."""
        return self.size_of(key) is not None

    def size_of(self, key: str) -> int | None:
        """Return how many bytes an object has; None if there is none."""
        with s3_errors():
            try:
                return self.client.head_object(Bucket=self.url.bucket, Key=key)["ContentLength"]
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise

    def read(self, key: str) -> bytes | None:
        """Return a small object; None if there is none."""
        with s3_errors():
            try:
                return self.client.get_object(Bucket=self.url.bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise

    def write(self, key: str, content: bytes) -> None:
        """Write a small object, or replace it; durable on return."""
        with s3_errors():
            self.client.put_object(Bucket=self.url.bucket, Key=key, Body=content)

    def count(self, keys: Sequence[str]) -> int:
        """Tell how many of these there are: S3 does not tell it of those that it deletes."""
        with ThreadPoolExecutor(LOOKING_THREADS) as pool:
            return sum(pool.map(self.exists, keys))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects, 1,000 in a request; one that is not there is deleted already."""
        for start in range(0, len(keys), PAGE_KEYS):
            self._delete(keys[start : start + PAGE_KEYS])

    def first(self, prefix: str, limit: int = PAGE_KEYS) -> tuple[list[Stored], bool]:
        """Return the first of the objects below a prefix, and whether these are all."""
        with s3_errors():
            found = self.client.list_objects_v2(Bucket=self.url.bucket, Prefix=prefix, MaxKeys=min(limit, PAGE_KEYS))
        return [_stored(item) for item in found.get("Contents", ())], not found["IsTruncated"]

    def pages(self, prefix: str) -> Iterator[list[Stored]]:
        """Return all objects below a prefix, a page at a time."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.url.bucket, Prefix=prefix)
        with s3_errors():
            for page in pages:
                yield [_stored(item) for item in page.get("Contents", ())]

    def ping(self) -> None:
        """Return if the bucket is there and may be used."""
        with s3_errors():
            self.client.head_bucket(Bucket=self.url.bucket)

    def _delete(self, keys: Sequence[str]) -> None:
        with s3_errors():
            answer = self.client.delete_objects(
                Bucket=self.url.bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        if answer.get("Errors"):
            raise _away(f"DeleteObjects: {answer['Errors'][0].get('Code', 'unknown')}")

    def _clients(self) -> _Clients:
        made = self._made
        if made is None or made.process_id != os.getpid():
            made = self._made = _make_clients(self.url)
        return made


@contextmanager
def s3_errors() -> Iterator[None]:
    """Raise `Unavailable` in the place of what botocore says; the log has its name, which holds no secret."""
    try:
        yield
    except ClientError as error:
        raise _away(f"{error.operation_name}: {code_of(error)}") from None
    except BotoCoreError as error:
        raise _away(type(error).__name__) from None


def code_of(error: ClientError) -> str:
    """Return S3's word for what is wrong."""
    return error.response.get("Error", {}).get("Code", "unknown")


def _away(reason: str) -> Unavailable:
    _LOG.warning("S3 could not do what it was asked for: %s", reason)
    return Unavailable(
        "The blob store cannot be used right now; try again later.", retry_after_seconds=RETRY_AFTER_SECONDS
    )


def _stored(item: Mapping[str, object]) -> Stored:
    changed_at, key, size = item["LastModified"], item["Key"], item["Size"]
    assert isinstance(changed_at, datetime)
    assert isinstance(key, str)
    assert isinstance(size, int)
    return Stored(key, changed_at.timestamp(), size)


def _make_clients(url: S3Url) -> _Clients:
    with s3_errors():
        session = Session()
        own = _make_client(session, url, url.endpoint)
        public = own if url.public_endpoint is None else _make_client(session, url, url.public_endpoint)
    return _Clients(os.getpid(), session, own, public)


def _make_client(session: Session, url: S3Url, endpoint: str | None) -> "S3Client":
    config = Config(
        signature_version="s3v4",
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        max_pool_connections=CONNECTIONS,
        s3={"addressing_style": _addressing(url)},
        # Not every S3 knows the checksums that newer clients add by themselves.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    region = url.region or session.region_name or "us-east-1"  # what S3 itself takes for none
    return session.client("s3", endpoint_url=endpoint, region_name=region, config=config)


def _addressing(url: S3Url) -> Addressing:
    """Return what is meant by `auto` at Amazon: boto3 would sign for a host that sends clients on to the region's."""
    if url.addressing == "auto" and url.endpoint is None and "." not in url.bucket:
        return "virtual"
    return url.addressing
