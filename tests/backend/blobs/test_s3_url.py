"""What the URL of the blob store may say, and what is told of one that says something else."""

import pytest

from xray_backend.blobs.s3_url import S3Url, parse_s3_url
from xray_backend.errors import ConfigurationError


def test_a_bucket_alone_is_amazons_own() -> None:
    assert parse_s3_url("s3://bucket") == S3Url("bucket")
    assert parse_s3_url("s3://bucket").key("project/data") == "project/data"


def test_each_part_of_the_url_is_read() -> None:
    url = parse_s3_url(
        "s3://my.bucket-1//some/pre.fix/?endpoint=http://minio:9000/&public_endpoint=https%3A%2F%2Fs3.example.org"
        "&region=eu-central-1&addressing=path&sha256=unsigned"
    )
    assert url == S3Url(
        "my.bucket-1", "some/pre.fix/", "http://minio:9000", "https://s3.example.org", "eu-central-1", "path", False
    )
    assert url.key("project/data") == "some/pre.fix/project/data"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("s3:", "bucket"),
        ("s3://", "bucket"),
        ("s3://Bucket/x", "bucket"),
        ("s3://b/x", "bucket"),
        ("s3://bucket:9000/x", "bucket"),
        ("https://bucket/x", "must be like s3://"),
        ("s3://bucket/x#y", "must be like s3://"),
        ("s3://bucket/../x", "prefix"),
        ("s3://bucket/.uploads", "prefix"),
        ("s3://bucket/a%20b", "prefix"),
        ("s3://bucket/" + "long/" * 101, "505 characters"),
        ("s3://bucket/x?regoin=eu", "'regoin'"),
        ("s3://bucket/x?region", "cannot be used"),
        ("s3://bucket/x?region=", "region"),
        ("s3://bucket/x?region=a/b", "region"),
        ("s3://bucket/x?endpoint=minio:9000", "endpoint"),
        ("s3://bucket/x?endpoint=http://minio:9000/path", "endpoint"),
        ("s3://bucket/x?endpoint=http://[::1", "cannot be used"),
        ("s3://bucket/x?public_endpoint=ftp://minio", "public_endpoint"),
        ("s3://bucket/x?addressing=paths", "addressing must be one of auto, path, virtual"),
        ("s3://bucket/x?sha256=no", "sha256 must be one of signed, unsigned"),
    ],
)
def test_a_url_that_names_no_place_is_refused_with_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=r"The URL of the blob store cannot be used: .*[.]$") as refusal:
        parse_s3_url(url)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "s3://somebody:hidden@bucket/x",
        "s3://bucket/x?endpoint=http://somebody:hidden@minio:9000",
        "s3://bucket/x?secret=hidden",
        "s3://bucket/x?region=hidden/hidden",
    ],
)
def test_credentials_in_the_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_s3_url(url)
    assert "hidden" not in str(refusal.value)
