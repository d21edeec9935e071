"""Trace: one run of a pipeline."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypedDict

from xray_trace.capture.arguments import clean_key
from xray_trace.context import Scope
from xray_trace.events import Part, Record, Role, StepEvent, StepType, Unfinished
from xray_trace.ids import new_id
from xray_trace.recorder.core import RecorderCore
from xray_trace.recorder.events import clean_name, name_json, to_json, trace_end_event, trace_start_event
from xray_trace.recorder.failure import describe_error
from xray_trace.recorder.running_scopes import OpenedTrace
from xray_trace.recorder.unfinished import ended_with_process

__all__ = ["NO_TRACE", "Artifact", "ArtifactReference", "Trace", "new_trace"]


class ArtifactReference(TypedDict, total=False):
    """A value that was stored before by `Trace.data`."""

    dataId: str
    type: Role | None
    key: str


class Artifact(TypedDict, total=False):
    """A value that `Trace.capture` stores and attaches; only `data` is required."""

    data: object
    key: str
    type: Role | None
    metadata: Mapping[str, object]


class Trace(Scope, eq=False):
    """One run of a pipeline; its methods never raise, and do nothing where the trace is not recorded."""

    core: RecorderCore | None
    """What the trace records with; None where the SDK is off, or the trace was not sampled."""
    trace_id: str
    name: str | None
    next_number: Callable[[], int]
    """Returns the next step's number, from 1; safe from any thread."""
    _created_seconds: float
    _ended: bool = False
    opened: OpenedTrace | None = None
    """What it is known under while it is open; None for a trace that a step made for itself."""
    around: Scope | None = None
    """What was current when its block began."""
    last_number: int = 0
    """The last number that a step was given; of two threads' steps that begin at once it may be either's."""
    caller_step_id: str | None = None
    """The step of another process that called, and that steps here lie below."""
    is_continued: bool = False
    """Whether another process is the one to say how it ended."""
    is_handed_over: bool = False
    """Whether whoever continues it ends it."""

    def __repr__(self) -> str:
        """Show the id."""
        return f"<xray_trace.Trace {self.trace_id}>"

    @property
    def has_ended(self) -> bool:
        """Tell whether the trace was ended."""
        return self._ended

    # -- what the user says of the whole run ------------------------------------------------------------

    def annotate(self, /, **metadata: object) -> None:
        """Add to the trace's metadata; sent at once."""
        if self.core is not None:
            with self.core.guard.around("annotating a trace"):
                self.start(self.core, metadata)

    def success(self, /, **metadata: object) -> None:
        """End the trace well; whatever is said later does not count."""
        self._end("success", metadata)

    def failure(self, /, **metadata: object) -> None:
        """End the trace as failed; whatever is said later does not count."""
        self._end("failure", metadata)

    def end(self, error: BaseException | None) -> None:
        """End the trace as its block or function ended; one that another process ends is left open."""
        if self.is_continued:
            return
        if error is None:
            self._end("success", {})
        elif not self._ended and self.core is not None:
            with self.core.guard.around("describing an error"):
                self._end("failure", describe_error(error, with_stack=False))

    def start(self, core: RecorderCore, metadata: Mapping[str, object]) -> None:
        """Send a `trace-start`: the first one begins the trace, further ones add metadata."""
        event = trace_start_event(
            to_json(self.trace_id),
            name=name_json(self.name),
            created_ms=self._created_seconds * 1000,
            at_ms=core.wall_seconds() * 1000,
            metadata=core.encode_metadata(metadata),
        )
        core.put(Record(self.trace_id, event))

    def _end(self, status: Literal["success", "failure"], metadata: Mapping[str, object]) -> None:
        core = self.core
        if core is None or self._ended:
            return
        self._ended = True
        try:
            event = self._end_event(status, core.wall_seconds(), core.encode_metadata(metadata))
            core.put(Record(self.trace_id, event))
        except Exception as fault:  # noqa: BLE001 - the guard is where our own errors end
            core.guard.swallow(fault, "ending a trace")
        finally:
            if self.opened is not None:
                core.running.end_trace(self.opened)

    def unfinished(self) -> Unfinished:
        """Return what is to be told if the process dies before the trace ends."""
        event = self._end_event("failure", self._created_seconds, ended_with_process(b"{}", "trace"))
        return Unfinished(None, [Record(self.trace_id, event)])

    def _end_event(self, status: Literal["success", "failure"], at_seconds: float, metadata: bytes) -> bytes:
        created_ms, at_ms = self._created_seconds * 1000, at_seconds * 1000
        return trace_end_event(to_json(self.trace_id), status, created_ms=created_ms, at_ms=at_ms, metadata=metadata)

    # -- the explicit form of the architecture ----------------------------------------------------------

    def data(self, data: object, key: str, metadata: Mapping[str, object] | None = None) -> str:
        """Store a value and return its data id, to be named by `step`."""
        core = self.core
        if core is None:
            return new_id()
        with core.guard.around("storing a value"):
            parts: list[Part] = []
            part = core.artifacts.add(parts, self.trace_id, key, data, None, metadata=metadata, tell_id=True)
            if part.body is not None:  # else it comes by itself, once it is encoded
                core.put(Record(self.trace_id, b"", parts))
            return str(part.data_id)
        return new_id()

    def step(
        self,
        step_name: str,
        step_number: int | None = None,
        artifacts: Iterable[ArtifactReference] = (),
        metadata: Mapping[str, object] | None = None,
    ) -> str:
        """Record a step that is over, with values stored before; returns its step id."""
        step_id = new_id()
        core = self.core
        if core is not None:
            with core.guard.around("recording a step"):
                number = None if step_number is None else int(step_number)
                event = self._step_event(core, "step", step_id, step_name, number, metadata or {})
                references = [_reference(entry) for entry in artifacts]
                if references:
                    event.artifacts = to_json(references)
                core.put(Record(self.trace_id, event))
        return step_id

    def capture(
        self,
        step_name: str,
        artifacts: Iterable[Artifact] = (),
        metadata: Mapping[str, object] | None = None,
    ) -> str:
        """Record a step that is over, together with its values; returns its step id."""
        step_id = new_id()
        core = self.core
        if core is not None:
            with core.guard.around("recording a step"):
                parts: list[Part] = []
                for position, entry in enumerate(artifacts):
                    key = entry.get("key") or f"artifact{position + 1}"
                    core.artifacts.add(
                        parts, self.trace_id, key, entry["data"], entry.get("type"), metadata=entry.get("metadata")
                    )
                event = self._step_event(core, "step", step_id, step_name, None, metadata or {})
                core.put(Record(self.trace_id, event, parts))
        return step_id

    def error(self, exception: BaseException, /, *, step_name: str | None = None, **metadata: object) -> str:
        """Record an error: a `step-error` where a step is named, else a `trace-error`; returns its step id."""
        return self.record_error(exception, "step-error" if step_name else "trace-error", step_name, metadata)

    def record_error(
        self,
        exception: BaseException,
        kind: StepType,
        step_name: str | None,
        metadata: Mapping[str, object],
        parent_id: str | None = None,
    ) -> str:
        """Record an error that did not end a step; returns its step id."""
        step_id = new_id()
        core = self.core
        if core is not None:
            with core.guard.around("recording an error"):
                described = {**metadata, **describe_error(exception)}
                event = self._step_event(core, kind, step_id, step_name, None, described, parent_id)
                core.put(Record(self.trace_id, event))
        return step_id

    def _step_event(
        self,
        core: RecorderCore,
        kind: StepType,
        step_id: str,
        name: str | None,
        number: int | None,
        metadata: Mapping[str, object],
        parent_id: str | None = None,
    ) -> StepEvent:
        if number is None and name is not None:
            number = self.last_number = self.next_number()
        return StepEvent(
            kind,
            step_id,
            None if name is None else clean_name(name),
            number,
            core.wall_seconds(),
            parent_id=parent_id or self.caller_step_id,
            metadata=core.encode_metadata(metadata),
        )


def _reference(entry: ArtifactReference) -> dict[str, object]:
    reference: dict[str, object] = {"dataId": entry["dataId"], "type": entry.get("type")}
    if entry.get("key"):
        reference["key"] = clean_key(entry["key"])
    return reference


def new_trace(core: RecorderCore | None, trace_id: str, name: str | None, last_number: int = 0) -> Trace:
    """Make a trace that begins now, with steps numbered after the last."""
    # one step of the interpreter, so no two threads get the same number
    next_number = itertools.count(last_number + 1).__next__
    return Trace(core, trace_id, name, next_number, core.wall_seconds() if core else 0.0, last_number=last_number)


NO_TRACE = new_trace(None, "", None)
"""Stands in where nothing is recorded."""
