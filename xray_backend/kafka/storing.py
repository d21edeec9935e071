"""From messages to the store: what can be kept is kept, and what never can is told."""

from collections.abc import Sequence

from confluent_kafka import Message

from xray_backend.ingest.halving import store_by_halves
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.processor import Processor
from xray_backend.ingest.shapes import Event
from xray_backend.ingest.unacceptable import Unacceptable
from xray_backend.ingest.wire import parse_again
from xray_backend.kafka.dead_letters import DeadLetter
from xray_backend.kafka.message import BadMessage, read_message

__all__ = ["Storing"]

_Read = tuple[Message, Event]


class Storing:
    """Stores batches of messages, project by project."""

    def __init__(self, processor: Processor, limits: Limits) -> None:
        self._processor = processor
        self._limits = limits

    def store(self, messages: Sequence[Message]) -> list[DeadLetter]:
        """Store the events; durable on return, idempotent. Returns those that can never be stored.

        Raises `Unavailable` if the store is away; then all may be repeated. Raises `NewerVersion`.
        """
        dead: list[DeadLetter] = []
        projects: dict[str, list[_Read]] = {}
        for message in messages:
            try:
                read = read_message(message)
                event = parse_again(read.text, self._limits, read.project_id)
                projects.setdefault(read.project_id, []).append((message, event))
            except (BadMessage, Unacceptable) as error:
                dead.append(DeadLetter(message, str(error)))
        for project_id, group in projects.items():
            faults = store_by_halves(self._processor, project_id, group, lambda read: read[1])
            dead += [DeadLetter(message, reason) for (message, _), reason in faults]
        return dead
