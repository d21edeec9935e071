"""Run: one call of a chain, model, tool or retriever, from LangChain's word that it began to the word that it ended."""

import time
from typing import Any
from uuid import UUID

from xray_langchain.control_flow import stopped_by
from xray_trace import Step

__all__ = ["Metadata", "Run"]

Metadata = dict[str, dict[str, Any]]
"""`langchain`: what LangChain says of a run. `gen_ai`: what the GenAI semantic conventions have a name for."""


class Run:
    """A run that has begun and not ended."""

    def __init__(self, run_id: UUID, step: Step | None, above: "Run | None", *, is_hidden: bool) -> None:
        self.run_id = run_id
        self.step = step
        """The run's own step; of a hidden run that of the nearest visible one above it, if there is one."""
        self.is_hidden = is_hidden
        self.is_below = above is not None and above.step is not None
        """Whether a visible run is around it."""
        self.root: Run = self if above is None else above.root
        self.below: set[Run] = set()
        """Of a root: all open runs below it."""
        self.captures_inputs = self.captures_outputs = False
        self.has_late_inputs = False
        """Whether what went in is told at the end, as it is of a stream."""
        self._metadata: Metadata = {}
        self._has_news = False
        self._tellers: dict[str, object] = {}
        self._chunks = 0
        self._first_chunk_seconds = 0.0

    def is_told_by(self, handler: object, kind: str) -> bool:
        """Tell whether of all handlers in this run this is the one that counts: the first that told of this kind."""
        return self._tellers.setdefault(kind, handler) is handler

    def input(self, value: object, key: str) -> None:
        """Take what went in, unless it is to be left out."""
        if self.captures_inputs and self.step is not None:
            self.step.input(value, key)

    def output(self, value: object) -> None:
        """Take what came out, unless it is to be left out."""
        if self.captures_outputs and self.step is not None:
            self.step.output(value)

    def artifact(self, value: object, key: str) -> None:
        """Take what it told of on the way; it is left out where what comes out is."""
        if self.captures_outputs and self.step is not None:
            self.step.artifact(value, key)

    def tell(self, metadata: Metadata) -> None:
        """Write what is known from the start."""
        self._metadata = metadata
        if self.step is not None:
            self.step.add_metadata(metadata)

    def say(self, group: str, **said: object) -> None:
        """Add to what is written at the end."""
        self._metadata.setdefault(group, {}).update(said)
        self._has_news = True

    def count(self, name: str) -> int:
        """Count one more of these; returns how many there are."""
        number = int(self._metadata.get("langchain", {}).get(name, 0)) + 1
        self.say("langchain", **{name: number})
        return number

    def count_chunk(self) -> None:
        """Count a piece of a streamed answer."""
        if not self._chunks:
            self._first_chunk_seconds = time.monotonic()
        self._chunks += 1

    def end(self, error: BaseException | None) -> None:
        """End the step; a hidden run has none of its own."""
        step = self.step
        if step is None or self.is_hidden:
            return
        stopped = stopped_by(error)
        if stopped is not None:
            self.say("langchain", stopped_by=stopped)
        if self._chunks:
            self._say_streamed(step)
        if self._has_news:
            step.add_metadata(self._metadata)
        step.end(error if stopped is None else None)

    def _say_streamed(self, step: Step) -> None:
        told = self._metadata.setdefault("gen_ai", {})
        told.setdefault("request", {})["stream"] = True
        first_seconds = round(self._first_chunk_seconds - step.began_seconds, 6)
        told.setdefault("response", {})["time_to_first_chunk"] = first_seconds
        self.say("langchain", chunks=self._chunks)
