"""What the server counts, in the words of Prometheus; one registry an application."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

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
        self._types = Counter(
            "xray_ingest_accepted_events_total", "Events that were taken, by type.", ["type"], registry=self.registry
        )
        self._bytes = Counter(
            "xray_ingest_accepted_bytes_total",
            "Bytes of the events that were taken, decompressed, by type.",
            ["type"],
            registry=self.registry,
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
        self._merged = Counter(
            "xray_store_merged_events_total",
            "Events of traces that came to the store, and were merged into what was there.",
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
        self._left_out = Counter(
            "xray_schema_left_out_total",
            "Shapes that came when their step name had as many as are kept, and keys of objects with too many.",
            ["what"],
            registry=self.registry,
        )
        self._store_calls = Histogram(
            "xray_store_call_duration_seconds",
            "How long the store took, by what it was asked for.",
            ["operation"],
            registry=self.registry,
            buckets=DURATION_BUCKETS,
        )
        self._blob_bytes = Gauge(
            "xray_blob_bytes",
            "Size of all blobs, as the last sweep found it; of several processes, the one that sweeps tells.",
            registry=self.registry,
        )
        self._requests = Histogram(
            "xray_request_duration_seconds",
            "How long requests took.",
            ["method", "route", "status"],
            registry=self.registry,
            buckets=DURATION_BUCKETS,
        )

    def count_accepted(self, event_bytes: Mapping[str, list[int]]) -> None:
        """Count events that were taken: the bytes of each, by type."""
        for kind, sizes in event_bytes.items():
            self._events.labels("accepted").inc(len(sizes))
            self._types.labels(kind).inc(len(sizes))
            self._bytes.labels(kind).inc(sum(sizes))

    def count_rejected(self, reason: str, events: int) -> None:
        """Count what was refused; the reason is one of a few words, a request without a readable event counts once."""
        if events:
            self._events.labels("rejected").inc(events)
            self._rejected.labels(reason).inc(events)

    def count_stored(self, *, new: int, repeated: int, deleted: int, merged: int) -> None:
        """Count documents that came to the store; of those that were there already, the first is kept.

        What came of a deleted trace is counted too, the trace's own events included, and is not kept. Other events of
        traces are merged. So the four together are all events that came.
        """
        self._merged.inc(merged)
        self._documents.labels("new").inc(new)
        self._documents.labels("repeated").inc(repeated)
        self._documents.labels("deleted").inc(deleted)

    def count_removed(self, kind: str, items: int) -> None:
        """Count what was removed in the background; the kind is one of a few words."""
        self._removed.labels(kind).inc(items)

    def count_sdk_dropped(self, reason: str, items: int) -> None:
        """Count what was lost before it came here; the reason is one of a few words."""
        self._sdk_dropped.labels(reason).inc(items)

    def count_left_out(self, what: str, items: int) -> None:
        """Count what a schema does not tell; one of a few words."""
        self._left_out.labels(what).inc(items)

    def time_store(self, operation: str) -> AbstractContextManager[object]:
        """Time a call of the store; the operation is one of a few words."""
        return self._store_calls.labels(operation).time()

    def set_blob_bytes(self, size_bytes: int) -> None:
        """Note how large all blobs are."""
        self._blob_bytes.set(size_bytes)

    def watch(self, name: str, documentation: str, measure: Callable[[], float]) -> None:
        """Show a number that is measured when somebody asks; it must cost next to nothing."""
        Gauge(name, documentation, registry=self.registry).set_function(measure)

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; the route is its pattern, never the path itself, so that labels stay few."""
        self._requests.labels(method, route, str(status)).observe(seconds)

    def render(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)
