"""Apache Kafka: one process that is broker and controller, whose log stays in its folder."""

import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path

from tests.servers.fetched import jars
from tests.servers.kafka_client import assert_broker_answers
from tests.servers.process import HOST, ServerFailed, ServerProcess, free_port

__all__ = ["ApacheKafka"]

FORMAT_SECONDS = 60.0  # a Java program that writes one small file

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{advertised_port}
log.dirs={folder}/log
auto.create.topics.enable=false
# There is one broker to hold each copy.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# A broker that was killed comes back under the same number once the controller counts it as gone.
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
group.initial.rebalance.delay.ms=0
"""


class ApacheKafka(ServerProcess):
    """A broker without password and TLS; what it has acknowledged outlives a kill.

    `advertised_port` is where clients are told to come, for a test that stands between them and the broker.
    """

    name = "Apache Kafka"

    def __init__(self, folder: Path | None = None, *, advertised_port: int | None = None) -> None:
        super().__init__(folder)
        self._advertised_port = advertised_port or self.port
        self._controller_port = free_port()
        self._properties = self.folder / "server.properties"

    @property
    def servers(self) -> str:
        """What a client's `bootstrap.servers` is."""
        return self.address

    def prepare(self) -> None:
        """Write the properties, and give the log's folder its number unless it has one."""
        self._properties.write_text(self.properties())
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        named = f"--cluster-id={cluster_id}"  # an argument of its own might begin with a hyphen
        arguments = ["format", "--ignore-formatted", named, "--config", str(self._properties)]
        done = subprocess.run(
            self._java("kafka.tools.StorageTool", *arguments), capture_output=True, text=True, timeout=FORMAT_SECONDS
        )
        if done.returncode:
            raise ServerFailed(f"{self.name} could not format {self.folder}: {done.stdout}{done.stderr}")

    def properties(self) -> str:
        """Return the broker's properties; of one that is there twice, the last counts."""
        return PROPERTIES.format(
            host=HOST,
            port=self.port,
            advertised_port=self._advertised_port,
            controller_port=self._controller_port,
            folder=self.folder,
        )

    def command(self) -> Sequence[str]:
        """Return the command line."""
        return self._java("kafka.Kafka", str(self._properties))

    def answer(self) -> None:
        """Ask for the brokers."""
        assert_broker_answers(self.servers)

    def _java(self, main: str, *arguments: str) -> list[str]:
        return ["java", "-Xms128m", "-Xmx768m", "-Dlog4j2.level=WARN", "-cp", f"{jars('kafka')}/*", main, *arguments]
