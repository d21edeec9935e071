"""What a consumer consists of."""

from xray_backend.config import Config
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.processor import Processor
from xray_backend.kafka.consumer import ConsumerSettings, EventConsumer
from xray_backend.kafka.consumer_metrics import ConsumerMetrics
from xray_backend.kafka.dead_letters import DeadLetters
from xray_backend.kafka.message import NewerVersion
from xray_backend.kafka.security import kafka_options
from xray_backend.kafka.storing import Storing
from xray_backend.kafka.url import parse_kafka_url
from xray_backend.metrics import Metrics

__all__ = ["NewerVersion", "make_consumer"]


def make_consumer(config: Config, processor: Processor, limits: Limits, metrics: Metrics) -> EventConsumer:
    """Compose a consumer. Raises `ConfigurationError` if the URL or the options cannot be used."""
    url, options = parse_kafka_url(config.bus_url), kafka_options(config)
    settings = ConsumerSettings(config.consumer_group, config.consumer_instance, config.consumer_pause_ms / 1000)
    return EventConsumer(
        url,
        options,
        settings,
        Storing(processor, limits),
        DeadLetters(url, options),
        ConsumerMetrics(metrics),
    )
