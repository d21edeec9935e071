"""What `xray-backend init` does to a bucket."""

import pytest

from tests.backend.blobs.bucket import Bucket
from tests.servers.fixtures import LIVE
from tests.servers.process import HOST, free_port
from xray_backend.blobs.s3_layout import prepare
from xray_backend.errors import ConfigurationError, Unavailable

ORIGINS = ["https://ui.example.org"]
keeps_rules = pytest.mark.skipif(LIVE, reason="MinIO keeps neither rule, and a test of its own says so")


def test_the_bucket_is_made_once_and_each_time_it_is_told_what_was_done(empty_place: Bucket) -> None:
    first, second = prepare(empty_place.url, ORIGINS), prepare(empty_place.url, ORIGINS)
    assert first[0] == f"The bucket {empty_place.name} was made."
    assert second[0] == f"The bucket {empty_place.name} is there."
    assert first[1:] == second[1:]
    assert empty_place.names() == []


@keeps_rules
def test_forgotten_uploads_end_and_pages_of_the_origins_may_read(empty_place: Bucket) -> None:
    for _ in range(2):
        assert prepare(empty_place.url, ORIGINS)[1:] == [
            "Uploads that nobody goes on with end after 7 days.",
            "Pages of https://ui.example.org may read blobs.",
        ]
    client = empty_place.endpoint.client()
    (rule,) = client.get_bucket_lifecycle_configuration(Bucket=empty_place.name)["Rules"]
    assert rule["Filter"] == {"Prefix": empty_place.prefix}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    (cors,) = client.get_bucket_cors(Bucket=empty_place.name)["CORSRules"]
    assert cors["AllowedOrigins"] == ORIGINS
    assert set(cors["AllowedMethods"]) == {"GET", "HEAD"}


@keeps_rules
def test_rules_of_others_stay(bucket: Bucket) -> None:
    client = bucket.endpoint.client()
    client.put_bucket_lifecycle_configuration(
        Bucket=bucket.name,
        LifecycleConfiguration={
            "Rules": [{"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 1}}]
        },
    )
    client.put_bucket_cors(
        Bucket=bucket.name,
        CORSConfiguration={
            "CORSRules": [{"ID": "theirs", "AllowedMethods": ["PUT"], "AllowedOrigins": ["https://other.example"]}]
        },
    )
    prepare(bucket.url, ORIGINS)
    prepare(bucket.url.replace("some/prefix", "another"), ORIGINS)
    rules = client.get_bucket_lifecycle_configuration(Bucket=bucket.name)["Rules"]
    assert [rule["ID"] for rule in rules] == ["theirs", "xray-trace some/prefix/", "xray-trace another/"]
    assert len(client.get_bucket_cors(Bucket=bucket.name)["CORSRules"]) >= 2


def test_no_origin_may_read_where_none_is_set(empty_place: Bucket) -> None:
    assert "no CORS origins are set" in prepare(empty_place.url)[2]


@pytest.mark.live
def test_a_store_without_such_rules_is_told_of_and_does_not_fail(empty_place: Bucket) -> None:
    told = prepare(empty_place.url, ORIGINS)
    assert told[0].endswith("was made.")
    assert told[1].startswith("This store has no rule that ends forgotten uploads")
    assert told[2].startswith("This store has no CORS rules")


def test_what_cannot_be_done_is_an_error(empty_place: Bucket) -> None:
    with pytest.raises(ConfigurationError):
        prepare("s3://x")
    with pytest.raises(Unavailable):
        prepare(f"s3://bucket/?endpoint=http://{HOST}:{free_port()}")
