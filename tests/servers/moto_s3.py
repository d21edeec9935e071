"""moto: S3's protocol out of memory, as a Python package; it does not check signatures."""

import sys
from collections.abc import Sequence

from tests.servers.process import HOST, ServerProcess
from tests.servers.s3_client import S3Endpoint

__all__ = ["MotoS3"]


class MotoS3(ServerProcess):
    """Forgets everything at its end."""

    name = "moto"

    @property
    def endpoint(self) -> S3Endpoint:
        """Where it is; it takes any credentials."""
        return S3Endpoint(f"http://{self.address}", "anybody", "anything")

    def command(self) -> Sequence[str]:
        """Return the command line."""
        return [sys.executable, "-m", "moto.server", "--host", HOST, "--port", str(self.port)]

    def answer(self) -> None:
        """Ask for the buckets."""
        self.endpoint.assert_answers()
