"""What a consumer counts, beside what its processor does."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from xray_backend.clock import now_ms
from xray_backend.metrics import Metrics

__all__ = ["ConsumerMetrics"]

_SIZES: Final = (1, 10, 50, 100, 250, 500, 750, 1000)


class ConsumerMetrics:
    """Counters and gauges, in the registry of the server's own."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self._batches = Histogram("xray_consumer_batch_events", "Events of a batch.", buckets=_SIZES, registry=registry)
        self._retries = Counter(
            "xray_consumer_retries_total",
            "Times that a batch had to wait for a part.",
            registry=registry,
        )
        self._dead = Counter(
            "xray_consumer_dead_letters_total", "Messages set aside, since they can never be stored.", registry=registry
        )
        self._rebalances = Counter(
            "xray_consumer_rebalances_total", "Times that partitions came or went.", ["kind"], registry=registry
        )
        self._lag = Gauge(
            "xray_consumer_lag_messages", "Messages that wait, by partition.", ["partition"], registry=registry
        )
        self._behind: set[int] = set()
        self._oldest_ms: int | None = None
        metrics.watch(
            "xray_consumer_oldest_event_seconds",
            "How long ago the API took the oldest event of the last batch; 0 when nothing waits.",
            self._oldest_seconds,
        )

    def count_batch(self, events: int, oldest_ms: int | None) -> None:
        """Count a batch, and note when its oldest event was taken."""
        self._batches.observe(events)
        self._oldest_ms = oldest_ms

    def count_retry(self) -> None:
        """Count a batch that must be tried again."""
        self._retries.inc()

    def count_dead(self, messages: int) -> None:
        """Count messages set aside."""
        self._dead.inc(messages)

    def count_rebalance(self, kind: str) -> None:
        """Count partitions that came (`assigned`), went (`revoked`) or were taken away (`lost`)."""
        self._rebalances.labels(kind).inc()

    def set_lag(self, lag: Mapping[int, int]) -> None:
        """Note how far each partition that this consumer has is behind."""
        for partition in self._behind - set(lag):
            self._lag.remove(str(partition))
        for partition, messages in lag.items():
            self._lag.labels(str(partition)).set(messages)
        self._behind = set(lag)
        if not any(lag.values()):
            self._oldest_ms = None

    def _oldest_seconds(self) -> float:
        oldest_ms = self._oldest_ms
        return 0.0 if oldest_ms is None else max(0.0, (now_ms() - oldest_ms) / 1000)
