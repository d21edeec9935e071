"""The shapes of steps' metadata, merged: what was merged once is remembered, and later shapes are added to it."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from xray_backend.ingest.schemas import Shape, is_cut, merge_into
from xray_backend.store.base import SHAPES_PER_STEP_NAME, Json, Store

__all__ = ["MergedSchema", "Schemas"]

_PROJECTS: Final = 32
"""Whose merged shapes are remembered: those that people look at now. A large one takes some megabytes."""


@dataclass(frozen=True)
class MergedSchema:
    """A merged shape, and whether it tells all that was seen."""

    document: Json
    is_complete: bool


@dataclass
class _Known:
    """What was merged of one project, up to a mark of the store."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    mark: int = 0
    shapes: Counter[str] = field(default_factory=Counter)
    by_name: dict[str, Shape] = field(default_factory=dict)
    everything: Shape = field(default_factory=dict)
    answers: dict[str | None, MergedSchema] = field(default_factory=dict)

    def learn(self, step_name: str, shape: Json) -> None:
        """Add a shape."""
        decoded = msgspec.json.decode(shape)
        merge_into(self.by_name.setdefault(step_name, {}), decoded)
        merge_into(self.everything, decoded)
        self.shapes[step_name] += 1
        self.answers.pop(step_name, None)
        self.answers.pop(None, None)

    def answer(self, step_name: str | None) -> MergedSchema:
        """Return the merged shape of one step name or of all; encoded once."""
        found = self.answers.get(step_name)
        if found is not None:
            return found
        merged = self.everything if step_name is None else self.by_name.get(step_name, {})
        made = MergedSchema(msgspec.json.encode(merged), not (self._is_full(step_name) or is_cut(merged)))
        if step_name is None or step_name in self.by_name:  # other names are the clients', and without end
            self.answers[step_name] = made
        return made

    def _is_full(self, step_name: str | None) -> bool:
        counts = self.shapes.values() if step_name is None else [self.shapes[step_name]]
        return any(count >= SHAPES_PER_STEP_NAME for count in counts)


class Schemas:
    """Reads one project's shapes; that the caller may is checked before. Safe for any number of threads."""

    def __init__(self, store: Store, projects: int = _PROJECTS) -> None:
        self._store = store
        self._projects = projects
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def each(self, project_id: str, step_name: str | None) -> Sequence[Json]:
        """List the shapes one by one."""
        return self._store.schemas(project_id, step_name)

    def merged(self, project_id: str, step_name: str | None) -> MergedSchema:
        """Merge all shapes that are stored now, whichever process stored them; only new ones are read."""
        known = self._of(project_id)
        with known.lock:
            new = self._store.shapes_since(project_id, known.mark)
            for name, shape in new.shapes:
                known.learn(name, shape)
            known.mark = new.mark
            return known.answer(step_name)

    def _of(self, project_id: str) -> _Known:
        with self._lock:
            known = self._known.setdefault(project_id, _Known())
            self._known.move_to_end(project_id)
            while len(self._known) > self._projects:
                self._known.popitem(last=False)
            return known
