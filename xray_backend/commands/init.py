"""`xray-backend init`: makes what the three URLs name and only one program should make."""

from collections.abc import Iterator

from xray_backend.config import Config
from xray_backend.kafka.security import kafka_options
from xray_backend.log import install_log
from xray_backend.parts import of_cluster

__all__ = ["init"]


def init(config: Config) -> None:
    """Make what is missing, and say what was done. Idempotent.

    Raises `ConfigurationError` if a URL cannot be used, `Unavailable` if a server is away.
    """
    install_log(config.log)
    for part in (_bus, _store, _blobs):
        for line in part(config):
            print(line, flush=True)


def _bus(config: Config) -> Iterator[str]:
    if config.bus_url == "inline:":
        yield "Events go straight into the store, so there is no queue to make."
        return
    topics = of_cluster("xray_backend.kafka.topics", "XRAY_BUS_URL")
    yield from topics.make_topics(
        config.bus_url,
        kafka_options(config),
        partitions=config.topic_partitions,
        replicas=config.topic_replicas,
    )


def _store(config: Config) -> Iterator[str]:
    if config.store_url.startswith("sqlite:"):
        yield "The database is a file, which the server makes when it starts."
        return
    yield from of_cluster("xray_backend.store.mongodb.layout", "XRAY_STORE_URL").prepare(config.store_url)


def _blobs(config: Config) -> Iterator[str]:
    if config.blobs_url.startswith("file:"):
        yield "The blobs are files, whose directory the server makes when it needs it."
        return
    layout = of_cluster("xray_backend.blobs.s3_layout", "XRAY_BLOBS_URL")
    yield from layout.prepare(config.blobs_url, config.cors_origins)
