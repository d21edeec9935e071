"""The whole server on one machine: Kafka, MongoDB's and S3's stand-ins, the API, and consumers."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from tests.servers.apache_kafka import ApacheKafka
from tests.servers.backend import BackendProcess
from tests.servers.calfkit_kafka import CalfkitKafka
from tests.servers.java_mongo import JavaMongo
from tests.servers.minio import Minio
from tests.servers.moto_s3 import MotoS3
from tests.servers.programs import Programs, settings_of
from tests.servers.secantus import Secantus

__all__ = ["Cluster"]


class Cluster:
    """`with` starts all parts in the order in which they need each other, and ends them in the other one.

    Parts that are not given are those that keep what they acknowledged: Apache Kafka, SecantusDB, and MinIO.
    """

    def __init__(
        self,
        folder: Path,
        *,
        kafka: ApacheKafka | CalfkitKafka | None = None,
        mongodb: Secantus | JavaMongo | None = None,
        s3: Minio | MotoS3 | None = None,
        apis: int = 1,
        consumers: int = 2,
    ) -> None:
        self.kafka = kafka or ApacheKafka(_made(folder / "kafka"))
        self.mongodb = mongodb or Secantus(_made(folder / "mongodb"), sync=True)
        self.s3 = s3 or Minio(_made(folder / "s3"))
        self.settings = settings_of(self.kafka.servers, self.mongodb.url, self.s3.endpoint)
        self.programs = Programs(folder, self.settings, apis=apis, consumers=consumers)
        self._stack = ExitStack()

    def __enter__(self) -> "Cluster":
        with ExitStack() as starting:
            for part in (self.kafka, self.mongodb, self.s3, self.programs):
                starting.enter_context(part)
            self._stack = starting.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    @property
    def api(self) -> BackendProcess:
        """The first of the APIs."""
        return self.programs.apis[0]

    @property
    def consumers(self) -> list[BackendProcess]:
        """All consumers."""
        return self.programs.consumers


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
