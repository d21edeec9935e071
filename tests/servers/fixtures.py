"""The servers that the tests talk to: once a session, or those that the environment names.

`XRAY_TEST_KAFKA` is `host:port`, `XRAY_TEST_MONGODB_URL` a URL without a database's name, and `XRAY_TEST_S3_URL` an
endpoint, whose credentials are `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. With `XRAY_LIVE=1` the servers are
Apache Kafka and MinIO, else those that come as Python packages. One that does not start fails each test that needs it.
"""

import os
from collections.abc import Iterator

import pytest

from tests.servers.apache_kafka import ApacheKafka
from tests.servers.calfkit_kafka import CalfkitKafka
from tests.servers.minio import Minio
from tests.servers.moto_s3 import MotoS3
from tests.servers.s3_client import S3Endpoint
from tests.servers.secantus import Secantus

__all__ = ["LIVE", "kafka_servers", "mongodb_url", "s3_endpoint"]

LIVE = os.environ.get("XRAY_LIVE") == "1"


@pytest.fixture(scope="session")
def kafka_servers() -> Iterator[str]:
    """What `bootstrap.servers` is; tests take topics and groups of their own."""
    given = os.environ.get("XRAY_TEST_KAFKA")
    if given:
        yield given
        return
    with ApacheKafka() if LIVE else CalfkitKafka() as kafka:
        yield kafka.servers


@pytest.fixture(scope="session")
def mongodb_url() -> Iterator[str]:
    """A URL without a database's name; tests take databases of their own."""
    given = os.environ.get("XRAY_TEST_MONGODB_URL")
    if given:
        yield given
        return
    with Secantus() as secantus:
        yield secantus.url


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[S3Endpoint]:
    """An endpoint with credentials; tests take buckets of their own."""
    given = os.environ.get("XRAY_TEST_S3_URL")
    if given:
        yield S3Endpoint(given, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
        return
    with Minio() if LIVE else MotoS3() as server:
        yield server.endpoint
