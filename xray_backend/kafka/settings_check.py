"""Whether the settings of the queue can be used, before anything is started with them."""

from collections.abc import Mapping

from confluent_kafka import KafkaException, Producer

from xray_backend.kafka.options import refused_by_kafka, with_options
from xray_backend.kafka.url import parse_kafka_url

__all__ = ["check_settings"]


def check_settings(url: str, options: Mapping[str, str]) -> None:
    """Return if the library takes them, whoever answers there. Raises `ConfigurationError` if not.

    What is made for it, threads included, is gone at the end: a program that forks its workers may ask in front.
    """
    try:
        Producer(with_options(parse_kafka_url(url), {}, options))
    except KafkaException as error:
        raise refused_by_kafka(error) from None
