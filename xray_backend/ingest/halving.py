"""Storing events of which one may be such that the store can never keep it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from xray_backend.errors import Unstorable
from xray_backend.ingest.processor import Processor
from xray_backend.ingest.shapes import Event

__all__ = ["store_by_halves"]

T = TypeVar("T")


def store_by_halves(
    processor: Processor, project_id: str, items: Sequence[T], event_of: Callable[[T], Event]
) -> list[tuple[T, str]]:
    """Store as a whole, or by halves, so that one at fault does not cost the others; returns those, and why.

    Durable on return, idempotent. Raises `Unavailable` if the store is away.
    """
    try:
        processor.process(processor.to_batch(project_id, (event_of(item) for item in items)))
    except Unstorable as error:
        if len(items) == 1:
            return [(items[0], str(error))]
        half = len(items) // 2
        return [
            fault
            for part in (items[:half], items[half:])
            for fault in store_by_halves(processor, project_id, part, event_of)
        ]
    return []
