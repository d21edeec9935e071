"""The bucket itself: made once, by `xray-backend init`, and never by accident."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from botocore.exceptions import ClientError

from xray_backend.blobs.s3_bucket import MISSING, S3Bucket, code_of, s3_errors
from xray_backend.blobs.s3_probe import try_sha256
from xray_backend.blobs.s3_url import parse_s3_url

if TYPE_CHECKING:
    from mypy_boto3_s3.literals import BucketLocationConstraintType
    from mypy_boto3_s3.type_defs import CORSRuleUnionTypeDef, LifecycleRuleUnionTypeDef

__all__ = ["prepare"]

FORGOTTEN_DAYS: Final = 7  # the sweep is sooner; this is for a server that is gone, with its sweep
REMEMBERED_SECONDS: Final = 60 * 60  # a browser asks again once an hour whether it may
_RULE: Final = "xray-trace"  # with the prefix, so that two servers may share a bucket
# A store that has no such setting at all: MinIO, which answers every origin, and ends forgotten uploads after a day.
_NOT_KNOWN: Final = frozenset({"NotImplemented", "InvalidArgument", "MalformedXML", "MethodNotAllowed"})

_Rule = TypeVar("_Rule", bound=Mapping[str, Any])


def prepare(url: str, cors_origins: Sequence[str] = ()) -> list[str]:
    """Make the bucket ready, and return a sentence for each thing: what was done, or that it was so already.

    Idempotent; rules of others stay. Raises `ConfigurationError` if the URL is wrong, or asks for more than the store
    can do, `Unavailable` if S3 is away.
    """
    bucket = S3Bucket(parse_s3_url(url))
    return [_make(bucket), _end_forgotten_uploads(bucket), _let_pages_read(bucket, cors_origins), try_sha256(bucket)]


def _make(bucket: S3Bucket) -> str:
    name, region = bucket.url.bucket, bucket.client.meta.region_name
    with s3_errors():
        try:
            bucket.client.head_bucket(Bucket=name)
        except ClientError as error:
            if code_of(error) not in MISSING:
                raise
        else:
            return f"The bucket {name} is there."
        if region == "us-east-1":  # the one region that must not be named
            bucket.client.create_bucket(Bucket=name)
        else:
            bucket.client.create_bucket(
                Bucket=name,
                CreateBucketConfiguration={"LocationConstraint": cast("BucketLocationConstraintType", region)},
            )
    return f"The bucket {name} was made."


def _end_forgotten_uploads(bucket: S3Bucket) -> str:
    rule: LifecycleRuleUnionTypeDef = {
        "ID": _rule_of(bucket),
        "Status": "Enabled",
        "Filter": {"Prefix": bucket.url.prefix},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": FORGOTTEN_DAYS},
    }
    with s3_errors():
        try:
            rules = [*_foreign(_uploads_rules(bucket), rule["ID"]), rule]
            bucket.client.put_bucket_lifecycle_configuration(
                Bucket=bucket.url.bucket, LifecycleConfiguration={"Rules": rules}
            )
        except ClientError as error:
            return _not_known(error, "no rule that ends forgotten uploads; the server's own sweep does it")
    return f"Uploads that nobody goes on with end after {FORGOTTEN_DAYS} days."


def _let_pages_read(bucket: S3Bucket, origins: Sequence[str]) -> str:
    if not origins:
        return "Pages of other origins may not read blobs, since no CORS origins are set."
    rule: CORSRuleUnionTypeDef = {
        "ID": _rule_of(bucket),
        "AllowedMethods": ["GET", "HEAD"],
        "AllowedOrigins": list(origins),
        "AllowedHeaders": ["Range"],
        "ExposeHeaders": ["Content-Length", "Content-Range", "ETag"],
        "MaxAgeSeconds": REMEMBERED_SECONDS,
    }
    with s3_errors():
        try:
            rules = [*_foreign(_cors_rules(bucket), rule["ID"]), rule]
            bucket.client.put_bucket_cors(Bucket=bucket.url.bucket, CORSConfiguration={"CORSRules": rules})
        except ClientError as error:
            return _not_known(error, "no CORS rules of a bucket; set the origins at the store itself")
    return f"Pages of {', '.join(origins)} may read blobs."


def _uploads_rules(bucket: S3Bucket) -> "Sequence[LifecycleRuleUnionTypeDef]":
    try:
        return bucket.client.get_bucket_lifecycle_configuration(Bucket=bucket.url.bucket)["Rules"]
    except ClientError as error:
        if code_of(error) == "NoSuchLifecycleConfiguration":
            return []
        raise


def _cors_rules(bucket: S3Bucket) -> "Sequence[CORSRuleUnionTypeDef]":
    try:
        return bucket.client.get_bucket_cors(Bucket=bucket.url.bucket)["CORSRules"]
    except ClientError as error:
        if code_of(error) == "NoSuchCORSConfiguration":
            return []
        raise


def _foreign(rules: Sequence[_Rule], own_id: str) -> list[_Rule]:
    """Return the rules that somebody else made: S3 takes all of them at once, or forgets them."""
    return [rule for rule in rules if rule.get("ID") != own_id]


def _rule_of(bucket: S3Bucket) -> str:
    return f"{_RULE} {bucket.url.prefix}".strip()


def _not_known(error: ClientError, what: str) -> str:
    if code_of(error) not in _NOT_KNOWN:
        raise error
    return f"This store has {what}."
