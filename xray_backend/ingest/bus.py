"""The port between the API and the processor: straight through, or over a queue."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from xray_backend.ingest.processor import Processor
from xray_backend.ingest.taken import Rejection, Taken

__all__ = ["Bus", "InlineBus"]


class Bus(ABC):
    """Takes events from the API."""

    @abstractmethod
    def publish(self, project_id: str, taken: Sequence[Taken], request_id: str) -> Sequence[Rejection]:
        """Return when the events are durable, with those that could never be. Idempotent.

        Raises `Unavailable` if that cannot be had in time; then the whole may be repeated.
        """

    @abstractmethod
    def ping(self) -> None:
        """Return if events can be taken. Raises `Unavailable` if not."""

    @abstractmethod
    def close(self) -> None:
        """Finish what was accepted. Idempotent."""


class InlineBus(Bus):
    """No queue: the events are processed before `publish` returns."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor

    def publish(self, project_id: str, taken: Sequence[Taken], request_id: str) -> Sequence[Rejection]:
        """Process at once."""
        refused = self._processor.store(project_id, [one.event for one in taken])
        return [Rejection(taken[place].place, reason, "event unstorable") for place, reason in refused]

    def ping(self) -> None:
        """Nothing stands between the API and the store."""

    def close(self) -> None:
        """Nothing waits."""
