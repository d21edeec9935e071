"""What the server counts, in the words of Prometheus; one registry an application."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

__all__ = ["Metrics"]

# From a cached answer to the time limit of a query, in seconds.
DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counters and histograms, each declared here once."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = Counter(
            "xray_ingest_events_total", "Events that came, by what became of them.", ["outcome"], registry=self.registry
        )
        self._rejected = Counter(
            "xray_ingest_rejected_total", "What was refused, by reason.", ["reason"], registry=self.registry
        )
        self._documents = Counter(
            "xray_store_documents_total",
            "Steps and data records that came to the store, by whether they were there already, or were deleted.",
            ["outcome"],
            registry=self.registry,
        )
        self._sdk_dropped = Counter(
            "xray_sdk_dropped_items_total",
            "Events and values that programs recorded and their SDK lost, by the reason that it gave.",
            ["reason"],
            registry=self.registry,
        )
        self._removed = Counter(
            "xray_removed_items_total",
            "What was removed in the background, since it was deleted, too old or abandoned.",
            ["kind"],
            registry=self.registry,
        )
        self._requests = Histogram(
            "xray_request_duration_seconds",
            "How long requests took.",
            ["method", "route", "status"],
            registry=self.registry,
            buckets=DURATION_BUCKETS,
        )

    def count_accepted(self, events: int) -> None:
        """Count events that were taken."""
        self._events.labels("accepted").inc(events)

    def count_rejected(self, reason: str, events: int) -> None:
        """Count what was refused; the reason is one of a few words, a request without a readable event counts once."""
        if events:
            self._events.labels("rejected").inc(events)
            self._rejected.labels(reason).inc(events)

    def count_stored(self, *, new: int, repeated: int, deleted: int) -> None:
        """Count documents that came to the store; of those that were there already, the first is kept.

        What came of a deleted trace is counted too, the trace's own events included, and is not kept.
        """
        self._documents.labels("new").inc(new)
        self._documents.labels("repeated").inc(repeated)
        self._documents.labels("deleted").inc(deleted)

    def count_removed(self, kind: str, items: int) -> None:
        """Count what was removed in the background; the kind is one of a few words."""
        self._removed.labels(kind).inc(items)

    def count_sdk_dropped(self, reason: str, items: int) -> None:
        """Count what was lost before it came here; the reason is one of a few words."""
        self._sdk_dropped.labels(reason).inc(items)

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; the route is its pattern, never the path itself, so that labels stay few."""
        self._requests.labels(method, route, str(status)).observe(seconds)

    def render(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)
