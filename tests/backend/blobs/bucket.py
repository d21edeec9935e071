"""A bucket of a test's own, as a program's environment and as its URL name it."""

import secrets
from dataclasses import dataclass

from tests.servers.s3_client import S3Endpoint

__all__ = ["Bucket"]


@dataclass(frozen=True)
class Bucket:
    """Somewhere in it, below a prefix; nobody has made it yet."""

    endpoint: S3Endpoint
    name: str
    prefix: str = "some/prefix/"

    @classmethod
    def new(cls, endpoint: S3Endpoint) -> "Bucket":
        return cls(endpoint, f"blobs-{secrets.token_hex(6)}")

    @property
    def url(self) -> str:
        return f"s3://{self.name}/{self.prefix}?endpoint={self.endpoint.url}&addressing=path"

    def names(self) -> list[str]:
        """Return what lies below the prefix."""
        found = self.endpoint.client().list_objects_v2(Bucket=self.name, Prefix=self.prefix)
        return [item["Key"].removeprefix(self.prefix) for item in found.get("Contents", ())]

    def unfinished(self) -> list[str]:
        """Return the keys of the uploads that S3 keeps parts of; MinIO lists them for a whole bucket alone."""
        found = self.endpoint.client().list_multipart_uploads(Bucket=self.name)
        return [item["Key"].removeprefix(self.prefix) for item in found.get("Uploads", ())]
