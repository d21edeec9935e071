"""Taking in what programs recorded."""

from collections import Counter
from collections.abc import Iterable

from xray_backend.errors import BadRequest, TooLarge
from xray_backend.ingest.bus import Bus
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.processor import Processor
from xray_backend.ingest.wire import NoneValid, Parsed, Rejection, parse_ingest
from xray_backend.metrics import Metrics

__all__ = ["Recording"]


class Recording:
    """Checks events and hands them on."""

    def __init__(self, bus: Bus, processor: Processor, limits: Limits, metrics: Metrics) -> None:
        self._bus = bus
        self._processor = processor
        self._limits = limits
        self._metrics = metrics

    def record(self, project_id: str, body: bytes) -> Parsed:
        """Take the valid events of a request's body; they are durable on return. Idempotent.

        Raises `BadRequest` if there is none, `TooLarge` if there are too many, `Unavailable` if they cannot be kept.
        """
        parsed = self._parsed(project_id, body)
        self._bus.publish(self._processor.to_batch(project_id, parsed.events))
        self._metrics.count_accepted(parsed.event_bytes)
        return parsed

    def _parsed(self, project_id: str, body: bytes) -> Parsed:
        try:
            parsed = parse_ingest(body, self._limits, project_id)
        except NoneValid as error:
            self._count_rejected(error.rejected)
            raise
        except (BadRequest, TooLarge) as error:
            self._metrics.count_rejected("request too large" if isinstance(error, TooLarge) else "request invalid", 1)
            raise
        self._count_rejected(parsed.rejected)
        return parsed

    def _count_rejected(self, rejected: Iterable[Rejection]) -> None:
        for kind, events in Counter(rejection.kind for rejection in rejected).items():
            self._metrics.count_rejected(kind, events)
