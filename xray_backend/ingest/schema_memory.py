"""Which shapes of metadata were stored lately, so that a steady stream of steps writes none."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from xray_backend.store.records import SchemaSighting

__all__ = ["SchemaMemory"]

_SHAPES: Final = 50_000
"""A thousand step names with fifty shapes each; about 15 MB where all of them are in use."""

_REFRESH_MS: Final = 10 * 60 * 1000
"""`lastSeenAt` may lag behind by so much: fine enough to tell a living shape from a dead one, and a write for each
shape every ten minutes is nothing."""


class SchemaMemory:
    """Remembers the shapes stored last, the least recently stored forgotten first. Safe for any number of threads."""

    def __init__(self, shapes: int = _SHAPES, refresh_ms: int = _REFRESH_MS) -> None:
        self._shapes = shapes
        self._refresh_ms = refresh_ms
        self._lock = threading.Lock()
        self._stored_at_ms: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def due(self, project_id: str, sightings: Iterable[SchemaSighting]) -> list[SchemaSighting]:
        """Return those that were not stored within the last minutes."""
        known, refresh_ms = self._stored_at_ms, self._refresh_ms
        due = []
        for sighting in sightings:
            at = known.get((project_id, sighting.step_name, sighting.schema_hash))
            if at is None or sighting.seen_at_ms - at >= refresh_ms:
                due.append(sighting)
        return due

    def remember(self, project_id: str, sightings: Iterable[SchemaSighting]) -> None:
        """Note that these are stored."""
        with self._lock:
            for sighting in sightings:
                key = (project_id, sighting.step_name, sighting.schema_hash)
                self._stored_at_ms[key] = sighting.seen_at_ms
                self._stored_at_ms.move_to_end(key)
            while len(self._stored_at_ms) > self._shapes:
                self._stored_at_ms.popitem(last=False)
