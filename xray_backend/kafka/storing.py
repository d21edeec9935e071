"""From messages to the store: what can be kept is kept, and what never can is told."""

from collections.abc import Iterator, Sequence

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

_Text = tuple[Message, bytes]


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
        projects: dict[str, list[_Text]] = {}
        for message in messages:
            try:
                project_id, text = read_message(message)
                projects.setdefault(project_id, []).append((message, text))
            except BadMessage as error:
                dead.append(DeadLetter(message, str(error)))
        for project_id, group in projects.items():
            dead += self._store_group(project_id, group)
        return dead

    def _store_group(self, project_id: str, group: Sequence[_Text]) -> list[DeadLetter]:
        """Read each event when its turn comes, so that few are in memory; all only where one is to be found."""
        dead: list[DeadLetter] = []
        try:
            events = (event for _, event in self._read(project_id, group, dead))
            self._processor.process(self._processor.to_batch(project_id, events))
        except Unstorable:
            dead.clear()
            read = list(self._read(project_id, group, dead))
            refused = self._processor.store(project_id, [event for _, event in read])
            dead += [DeadLetter(read[place][0], reason) for place, reason in refused]
        return dead

    def _read(self, project_id: str, group: Sequence[_Text], dead: list[DeadLetter]) -> Iterator[tuple[Message, Event]]:
        """Parse what can be, and list the others as dead."""
        checks = Checks(project_id, self._limits)
        for message, text in group:
            try:
                event = parse_again(text, checks)
            except Unacceptable as error:
                dead.append(DeadLetter(message, str(error)))
            else:
                yield message, event
