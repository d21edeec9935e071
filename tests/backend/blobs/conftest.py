"""A bucket on the S3 that the session has."""

import pytest

from tests.backend.blobs.bucket import Bucket
from tests.servers.s3_client import S3Endpoint


@pytest.fixture
def empty_place(s3_endpoint: S3Endpoint, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket that nobody has made, with the environment in which its credentials are found."""
    for name, value in s3_endpoint.variables.items():
        monkeypatch.setenv(name, value)
    return Bucket.new(s3_endpoint)


@pytest.fixture
def bucket(empty_place: Bucket) -> Bucket:
    """A bucket that is there."""
    empty_place.endpoint.client().create_bucket(Bucket=empty_place.name)
    return empty_place
