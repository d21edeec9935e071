"""The server's own programs on parts that run: the API any number of times, and consumers."""

import os
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from urllib.parse import urlencode

from tests.servers.backend import BackendProcess, run_backend
from tests.servers.s3_client import S3Endpoint

__all__ = ["Programs", "settings_of"]


def settings_of(kafka_servers: str, mongodb_url: str, s3: S3Endpoint, name: str = "xray") -> dict[str, str]:
    """Return the three URLs that make it a cluster, and what they need; the name tells it from others on the parts."""
    database, _, options = mongodb_url.partition("?")
    place = {"endpoint": s3.url, "region": s3.region, "addressing": "path"}
    return {
        "XRAY_STORE_URL": f"{database}{name}?{options}",
        "XRAY_BUS_URL": f"kafka://{kafka_servers}/{name}-events",
        "XRAY_BLOBS_URL": f"s3://{name}-blobs/blobs?{urlencode(place, safe=':/')}",
        "XRAY_JWT_SECRET": secrets.token_hex(32),
        **s3.variables,
    }


class Programs:
    """`with` runs `xray-backend init`, starts the programs, and ends them."""

    def __init__(self, folder: Path, settings: Mapping[str, str], *, apis: int = 1, consumers: int = 2) -> None:
        self.settings = settings
        self.apis = [BackendProcess("serve", folder / f"api-{number}", settings) for number in range(1, apis + 1)]
        self.consumers = [self.consumer(folder / f"consumer-{number}") for number in range(1, consumers + 1)]
        self._stack = ExitStack()

    def __enter__(self) -> "Programs":
        with ExitStack() as starting:
            run_backend(["init"], {**os.environ, **self.settings})
            for program in (*self.apis, *self.consumers):
                starting.enter_context(program)
            self._stack = starting.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def consumer(self, folder: Path, **more: str) -> BackendProcess:
        """Return another consumer, which is not started."""
        return BackendProcess("consume", folder, {**self.settings, **more})
