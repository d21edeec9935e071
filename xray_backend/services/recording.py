"""Taking in what programs recorded."""

from collections import Counter
from collections.abc import Iterable, Sequence

from xray_backend.errors import BadRequest, TooLarge
from xray_backend.ingest.bus import Bus
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.taken import Rejection, Taken
from xray_backend.ingest.wire import NoneValid, Parsed, parse_ingest
from xray_backend.metrics import Metrics

__all__ = ["Recording"]


class Recording:
    """Checks events and hands them on."""

    def __init__(self, bus: Bus, limits: Limits, metrics: Metrics) -> None:
        self._bus = bus
        self._limits = limits
        self._metrics = metrics

    def record(self, project_id: str, body: bytes, request_id: str) -> Parsed:
        """Take the valid events of a request's body; they are durable on return. Idempotent.

        Raises `BadRequest` if there is none, `TooLarge` if there are too many, `Unavailable` if they cannot be kept.
        """
        try:
            parsed = self._published(project_id, parse_ingest(body, self._limits, project_id), request_id)
        except NoneValid as error:
            self._count_rejected(error.rejected)
            raise
        except (BadRequest, TooLarge) as error:
            self._metrics.count_rejected("request too large" if isinstance(error, TooLarge) else "request invalid", 1)
            raise
        self._count_rejected(parsed.rejected)
        self._count_accepted(parsed.taken)
        return parsed

    def _published(self, project_id: str, parsed: Parsed, request_id: str) -> Parsed:
        """Hand on what was taken; what the bus can never take is rejected as well."""
        refused = self._bus.publish(project_id, parsed.taken, request_id)
        if not refused:
            return parsed
        places = {rejection.index for rejection in refused}
        taken = [one for one in parsed.taken if one.place not in places]
        rejected = sorted((*parsed.rejected, *refused), key=lambda rejection: rejection.index)
        if not taken:
            raise NoneValid(rejected)
        return Parsed(taken, rejected)

    def _count_accepted(self, taken: Sequence[Taken]) -> None:
        event_bytes: dict[str, list[int]] = {}
        for one in taken:
            event_bytes.setdefault(one.kind, []).append(len(one.text))
        self._metrics.count_accepted(event_bytes)

    def _count_rejected(self, rejected: Iterable[Rejection]) -> None:
        for kind, events in Counter(rejection.kind for rejection in rejected).items():
            self._metrics.count_rejected(kind, events)
