"""From messages to the store: what can be kept is kept, and what never can is told."""

from collections.abc import Sequence

from confluent_kafka import Message

from xray_backend.errors import Unstorable
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
            dead += unacceptable
            if group:
                dead += self._store_group(project_id, group)
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

    def _store_group(self, project_id: str, group: Sequence[_Read]) -> list[DeadLetter]:
        """Store as a whole, or by halves, so that one event at fault does not cost the others."""
        try:
            self._processor.process(self._processor.to_batch(project_id, [event for _, event in group]))
        except Unstorable as error:
            if len(group) == 1:
                return [DeadLetter(group[0][0], str(error))]
            half = len(group) // 2
            return self._store_group(project_id, group[:half]) + self._store_group(project_id, group[half:])
        return []
