"""How many events a record stands for that does not become any."""

from collections.abc import Sequence

from xray_trace.events import Part, Record

__all__ = ["event_count"]


def event_count(record: Record) -> int:
    """Return how many events the record would have become, had none of its values been met before."""
    values: list[object] = []
    parts: Sequence[object] = record.parts
    for part in (part for part in parts if isinstance(part, Part)):  # what is none may be why it is lost
        value = part.data_id or part.blob or (part.content_type, part.body)
        is_event = part.body is not None or part.blob is not None or not record.event  # else it goes its own way
        if is_event and value not in values:  # compared and not hashed: they may be large
            values.append(value)
    return bool(record.event) + len(values)
