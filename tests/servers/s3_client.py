"""A server of S3's protocol, as a client needs to know it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["S3Endpoint"]

ANSWER_SECONDS = 5  # a server on this machine answers in milliseconds; the first request compiles boto3's model


@dataclass(frozen=True)
class S3Endpoint:
    """Where it is, and who may ask."""

    url: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which boto3 finds these credentials."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
        }

    def client(self) -> "S3Client":
        """Return a client that tries once."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(
                connect_timeout=ANSWER_SECONDS,
                read_timeout=ANSWER_SECONDS,
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
            ),
        )

    def assert_answers(self) -> None:
        """Ask for the buckets. Raises `BotoCoreError` or `ClientError` if it does not answer to these credentials."""
        client = self.client()
        try:
            client.list_buckets()
        finally:
            client.close()
