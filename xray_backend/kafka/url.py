"""`kafka://host:port[,host:port]/topic`: where the brokers are, and which topic the events go to."""

import re
from dataclasses import dataclass

from xray_backend.errors import ConfigurationError

__all__ = ["KafkaUrl", "parse_kafka_url"]

_URL = re.compile(r"kafka://(?P<servers>[^/@?#\s]+)/(?P<topic>[A-Za-z0-9._-]{1,200})")
_SERVER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}")


@dataclass(frozen=True)
class KafkaUrl:
    """Brokers to begin with, and a topic."""

    servers: str
    """`host:port[,host:port]`, as librdkafka takes them."""

    topic: str

    @property
    def dead_topic(self) -> str:
        """The topic of what could never be stored."""
        return f"{self.topic}-dead"


def parse_kafka_url(url: str) -> KafkaUrl:
    """Parse the URL. Raises `ConfigurationError` if it is none; the sentence does not repeat it."""
    found = _URL.fullmatch(url)
    if found is None or not all(_SERVER.fullmatch(server) for server in found["servers"].split(",")):
        raise ConfigurationError(
            "XRAY_BUS_URL cannot be used: it must be like kafka://host:9092,host:9092/topic, "
            "with what a log-in needs in XRAY_KAFKA_SASL_USERNAME and XRAY_KAFKA_SASL_PASSWORD."
        )
    return KafkaUrl(found["servers"], found["topic"])
