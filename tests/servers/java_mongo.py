"""A fast server of MongoDB's protocol for measuring under load: no transactions, no update pipelines, no explain."""

from collections.abc import Sequence

from tests.servers.fetched import HERE, jars
from tests.servers.mongodb_client import assert_mongodb_answers
from tests.servers.process import ServerProcess

__all__ = ["JavaMongo"]


class JavaMongo(ServerProcess):
    """Keeps all in memory, and forgets it at its end."""

    name = "mongo-java-server"

    @property
    def url(self) -> str:
        """Where it is, without the name of a database."""
        return f"mongodb://{self.address}/?directConnection=true"

    def command(self) -> Sequence[str]:
        """Return the command line; Java compiles the one file by itself."""
        program = HERE / "mongodb" / "LoadServer.java"
        return ["java", "-Xmx8g", "-cp", f"{jars('mongodb')}/*", str(program), str(self.port)]

    def answer(self) -> None:
        """Ask whether it is there."""
        assert_mongodb_answers(self.url)
