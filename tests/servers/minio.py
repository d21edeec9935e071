"""MinIO: S3's protocol with all its checks, kept in a folder."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.fetched import minio_program
from tests.servers.process import ServerProcess
from tests.servers.s3_client import S3Endpoint

__all__ = ["Minio"]


class Minio(ServerProcess):
    """What it has acknowledged outlives a kill. Pages of any origin may call it, as those of the web interface do."""

    name = "MinIO"

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self.endpoint = S3Endpoint(f"http://{self.address}", "xray-tests", secrets.token_hex(16))

    def command(self) -> Sequence[str]:
        """Return the command line."""
        return [str(minio_program()), "server", "--quiet", "--address", self.address, str(self.folder / "data")]

    def variables(self) -> Mapping[str, str]:
        """Return who may ask, and that it serves no pages and asks nobody for a newer version."""
        return {
            "MINIO_ROOT_USER": self.endpoint.access_key,
            "MINIO_ROOT_PASSWORD": self.endpoint.secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        }

    def answer(self) -> None:
        """Ask for the buckets."""
        self.endpoint.assert_answers()
