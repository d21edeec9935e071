"""Run: one call of a chain, model, tool or retriever, from LangChain's word that it began to the word that it ended."""

import time
from typing import Any
from uuid import UUID

from xray_langchain.control_flow import stopped_by
from xray_trace.instrumentation import Scope, Step

__all__ = ["Metadata", "Run"]

Metadata = dict[str, dict[str, Any]]
"""`langchain`: what LangChain says of a run. `gen_ai`: what the GenAI semantic conventions have a name for."""


class Run:
    """A run that has begun and not ended."""

    # What most runs never change is the class's: one is made for each run.
    is_below = False
    """Whether a visible run is around it."""
    begun_in: Scope | None = None
    """The scope that was set as it began; of a hidden run, as that began whose step it has."""
    below: "set[Run] | None" = None
    """Of a root: all open runs below it."""
    thread_id = 0
    """Of a root: the thread that it began in."""
    captures_inputs = captures_outputs = False
    has_late_inputs = False
    """Whether what went in is told at the end, as it is of a stream."""
    _metadata: Metadata | None = None
    _has_news = False
    _tellers: dict[str, object] | None = None
    _chunks = 0
    _first_chunk_seconds = 0.0

    def __init__(self, run_id: UUID, name: str, step: Step | None, above: "Run | None", is_hidden: bool) -> None:
        self.run_id = run_id
        self.name = name
        self.step = step
        """The run's own step; of a hidden run that of the nearest visible one above it, if there is one."""
        self.is_hidden = is_hidden
        self.root: Run | None = None if above is None else above.root or above
        """The run at the top, if that is another; itself would be a cycle, and what it holds would wait to be found."""

    def is_told_by(self, teller: object, kind: str) -> bool:
        """Tell whether of all who tell of this kind of thing this is the one that counts: the first."""
        if self._tellers is None:
            self._tellers = {}
        return self._tellers.setdefault(kind, teller) is teller

    def input(self, value: object, key: str) -> None:
        """Take what went in, unless it is to be left out."""
        if self.captures_inputs and self.step is not None:
            self.step.attach(value, key, "input")

    def output(self, value: object) -> None:
        """Take what came out, unless it is to be left out."""
        if self.captures_outputs and self.step is not None:
            self.step.attach(value, "return", "output")

    def artifact(self, value: object, key: str) -> None:
        """Take what it told of on the way; it is left out where what comes out is."""
        if self.captures_outputs and self.step is not None:
            self.step.attach(value, key, None)

    def tell(self, metadata: Metadata) -> None:
        """Write what is known from the start."""
        self._metadata = metadata
        if self.step is not None:
            self.step.described = metadata

    def say(self, group: str, **said: object) -> None:
        """Add to what is written at the end."""
        known = self._metadata or {}
        self._metadata = {**known, group: {**known.get(group, {}), **said}}
        self._has_news = True

    def count(self, name: str) -> int:
        """Count one more of these; returns how many there are."""
        number = int(self._said("langchain").get(name, 0)) + 1
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
        if error is not None:
            stopped = stopped_by(error)
            if stopped is not None:
                self.say("langchain", stopped_by=stopped)
                error = None
        if self._chunks:
            self._say_streamed(step)
        if self._has_news:
            step.described = self._metadata
        step.end(error)

    def _said(self, group: str) -> dict[str, Any]:
        return (self._metadata or {}).get(group, {})

    def _say_streamed(self, step: Step) -> None:
        told = self._said("gen_ai")
        first_seconds = round(self._first_chunk_seconds - step.began_seconds, 6)
        self.say(
            "gen_ai",
            request={**told.get("request", {}), "stream": True},
            response={**told.get("response", {}), "time_to_first_chunk": first_seconds},
        )
        self.say("langchain", chunks=self._chunks)
