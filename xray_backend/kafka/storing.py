"""From messages to the store: what can be kept is kept, and what never can is told."""

from collections.abc import Sequence

from confluent_kafka import Message

from xray_backend.ingest.checks import Checks
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
        projects: dict[str, list[tuple[Message, bytes]]] = {}
        for message in messages:
            try:
                read = read_message(message)
                projects.setdefault(read.project_id, []).append((message, read.text))
            except BadMessage as error:
                dead.append(DeadLetter(message, str(error)))
        for project_id, texts in projects.items():
            group, unacceptable = self._parse(project_id, texts)
            refused = self._processor.store(project_id, [event for _, event in group]) if group else ()
            dead += unacceptable
            dead += [DeadLetter(group[place][0], reason) for place, reason in refused]
        return dead

    def _parse(self, project_id: str, texts: Sequence[tuple[Message, bytes]]) -> tuple[list[_Read], list[DeadLetter]]:
        checks = Checks(project_id, self._limits)
        group: list[_Read] = []
        dead: list[DeadLetter] = []
        for message, text in texts:
            try:
                group.append((message, parse_again(text, checks)))
            except Unacceptable as error:
                dead.append(DeadLetter(message, str(error)))
        return group, dead
