"""The whole server on one machine: Apache Kafka, SecantusDB, MinIO, the API, and consumers."""

import os
import secrets
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from urllib.parse import urlencode

from tests.servers.apache_kafka import ApacheKafka
from tests.servers.backend import BackendProcess, run_backend
from tests.servers.minio import Minio
from tests.servers.secantus import Secantus

__all__ = ["Cluster"]


class Cluster:
    """`with` starts all parts in the order in which they need each other, and ends them in the other one."""

    def __init__(self, folder: Path, *, consumers: int = 2) -> None:
        self._folder = folder
        self._stack = ExitStack()
        parts = [folder / name for name in ("kafka", "mongodb", "s3")]
        for part in parts:
            part.mkdir(parents=True, exist_ok=True)
        self.kafka = ApacheKafka(parts[0])
        self.mongodb = Secantus(parts[1], sync=True)
        self.s3 = Minio(parts[2])
        self.settings = self._settings()
        self.api = BackendProcess("serve", folder / "api", self.settings)
        self.consumers = [
            BackendProcess("consume", folder / f"consumer-{number}", self.settings)
            for number in range(1, consumers + 1)
        ]
        self.told = ""
        """What `xray-backend init` said."""

    def __enter__(self) -> "Cluster":
        with ExitStack() as starting:
            for server in (self.kafka, self.mongodb, self.s3):
                starting.enter_context(server)
            self.told = run_backend(["init"], {**os.environ, **self.settings})
            for program in (self.api, *self.consumers):
                starting.enter_context(program)
            self._stack = starting.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def _settings(self) -> dict[str, str]:
        """Return the three URLs that make it a cluster, and what they need."""
        database, _, options = self.mongodb.url.partition("?")
        place = {"endpoint": self.s3.endpoint.url, "region": self.s3.endpoint.region, "addressing": "path"}
        return {
            "XRAY_STORE_URL": f"{database}xray?{options}",
            "XRAY_BUS_URL": f"kafka://{self.kafka.servers}/xray-events",
            "XRAY_BLOBS_URL": f"s3://xray-blobs/blobs?{urlencode(place, safe=':/')}",
            "XRAY_JWT_SECRET": secrets.token_hex(32),
            **self.s3.endpoint.variables,
        }
