"""From messages to the store: what can be kept is kept, and what never can is told."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

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
from xray_backend.store.records import EventBatch

__all__ = ["Ready", "Storing"]

_Text = tuple[Message, bytes]


@dataclass(frozen=True)
class _Group:
    """Messages of one project."""

    project_id: str
    texts: Sequence[_Text]
    batch: EventBatch | None
    """What the store takes of them; None if one of them can never be stored, and is to be found."""


@dataclass(frozen=True)
class Ready:
    """Messages that were read: what is to be stored of them, and those that are no events."""

    groups: Sequence[_Group]
    dead: Sequence[DeadLetter]


class Storing:
    """Stores messages, project by project. One thread may prepare some while another stores those before them."""

    def __init__(self, processor: Processor, limits: Limits) -> None:
        self._processor = processor
        self._limits = limits

    def prepare(self, messages: Sequence[Message]) -> Ready:
        """Read the messages, each when its turn comes, so that few are in memory twice. Raises `NewerVersion`."""
        dead: list[DeadLetter] = []
        projects: dict[str, list[_Text]] = {}
        for message in messages:
            try:
                project_id, text = read_message(message)
                projects.setdefault(project_id, []).append((message, text))
            except BadMessage as error:
                dead.append(DeadLetter(message, str(error)))
        return Ready([self._group(project_id, texts, dead) for project_id, texts in projects.items()], dead)

    def store(self, ready: Ready) -> list[DeadLetter]:
        """Store the events; durable on return, idempotent. Returns those that can never be stored.

        Raises `Unavailable` if the store is away; then all may be repeated.
        """
        dead = list(ready.dead)
        for group in ready.groups:
            dead += self._store_group(group)
        return dead

    def _group(self, project_id: str, texts: Sequence[_Text], dead: list[DeadLetter]) -> _Group:
        found: list[DeadLetter] = []
        events = (event for _, event in self._read(project_id, texts, found))
        try:
            batch = self._processor.to_batch(project_id, events)
        except Unstorable:
            return _Group(project_id, texts, None)
        dead += found
        return _Group(project_id, texts, batch)

    def _store_group(self, group: _Group) -> list[DeadLetter]:
        if group.batch is not None:
            with suppress(Unstorable):
                self._processor.process(group.batch)
                return []
        dead: list[DeadLetter] = []
        read = list(self._read(group.project_id, group.texts, dead))
        refused = self._processor.store(group.project_id, [event for _, event in read])
        unread = dead if group.batch is None else []  # else they were listed when the batch was made
        return unread + [DeadLetter(read[place][0], reason) for place, reason in refused]

    def _read(self, project_id: str, texts: Sequence[_Text], dead: list[DeadLetter]) -> Iterator[tuple[Message, Event]]:
        """Parse what can be, and list the others as dead."""
        checks = Checks(project_id, self._limits)
        for message, text in texts:
            try:
                event = parse_again(text, checks)
            except Unacceptable as error:
                dead.append(DeadLetter(message, str(error)))
            else:
                yield message, event
