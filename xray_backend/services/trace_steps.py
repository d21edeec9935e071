"""Where a page of a trace ends: with its steps, or within the data that one of them names."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from xray_backend.query.cursor import TracePosition
from xray_backend.store.records import Json, StepPage

__all__ = ["TraceSteps"]


class _Artifact(msgspec.Struct, rename="camel"):
    data_id: str


class _Step(msgspec.Struct, rename="camel"):
    step_id: str
    artifacts: list[_Artifact] = []


class _Named(NamedTuple):
    step: int
    place: int
    data_id: str


_decode = msgspec.json.Decoder(_Step).decode


class TraceSteps:
    """Some steps and the data that they name, of which a page may have room for the first alone."""

    def __init__(self, page: StepPage, begin: TracePosition) -> None:
        self._page = page
        self._begin = begin
        self._steps = [_decode(document) for document in page.documents]
        named: dict[str, _Named] = {}
        for found in self._names():
            named.setdefault(found.data_id, found)
        self._named = list(named.values())

    @property
    def data_ids(self) -> Sequence[str]:
        """The data that are to be listed, each once, in the order of the steps."""
        return [found.data_id for found in self._named]

    def listed(self, taken: int) -> Sequence[Json]:
        """Return the steps of a page that has so many of the data; one that was given before is not given again."""
        end = len(self._steps)
        if taken < len(self._named):
            end = self._named[taken].step + (self._named[taken].place > 0)
        steps = zip(self._steps[:end], self._page.documents, strict=False)
        return [document for step, document in steps if step.step_id != self._begin.step_id]

    def next_position(self, taken: int) -> TracePosition | None:
        """Return where the next page begins after so many of the data; None if there is none."""
        if taken == len(self._named):
            after = self._page.next_position
            return None if after is None else TracePosition(after)
        at, place, _ = self._named[taken]
        before = self._page.positions[at - 1] if at else self._begin.after
        return TracePosition(before, self._steps[at].step_id, place) if place else TracePosition(before)

    def _names(self) -> Iterator[_Named]:
        for at, step in enumerate(self._steps):
            given = self._begin.data_given if step.step_id == self._begin.step_id else 0
            ids = dict.fromkeys(artifact.data_id for artifact in step.artifacts)
            for place, data_id in enumerate(ids):
                if place >= given:
                    yield _Named(at, place, data_id)
