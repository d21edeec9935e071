"""The port between the API and the processor: straight through, or over a queue."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from xray_backend.store.records import EventBatch

__all__ = ["Bus", "InlineBus"]


class Bus(ABC):
    """Takes events from the API."""

    @abstractmethod
    def publish(self, batch: EventBatch) -> None:
        """Return when the events are durable. Idempotent. Raises `Unavailable` if that cannot be had in time."""

    @abstractmethod
    def ping(self) -> None:
        """Return if events can be taken. Raises `Unavailable` if not."""


class InlineBus(Bus):
    """No queue: the events are processed before `publish` returns."""

    def __init__(self, process: Callable[[EventBatch], object]) -> None:
        self._process = process

    def publish(self, batch: EventBatch) -> None:
        """Process at once."""
        self._process(batch)

    def ping(self) -> None:
        """Nothing stands between the API and the store."""
