"""Step: one piece of a trace's work, from its start to its end."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from xray_trace.context import Scope
from xray_trace.events import Content, Part, Record, Role, Unfinished
from xray_trace.ids import new_id
from xray_trace.recorder.artifacts import Parts
from xray_trace.recorder.core import RecorderCore
from xray_trace.recorder.events import StepType, name_json, step_event
from xray_trace.recorder.failure import describe_error
from xray_trace.recorder.metadata import Metadata
from xray_trace.recorder.trace import NO_TRACE, Trace
from xray_trace.recorder.unfinished import as_pending, ended_with_process, is_large, named

__all__ = ["NO_STEP", "Step"]

T = TypeVar("T")


class Step(Scope):
    """A step that runs; its methods never raise, and do nothing where the step is not recorded."""

    __slots__ = (
        "_core", "_ended", "_metadata", "_name_json", "_number", "_parent_id", "_parts", "_started_ms",
        "_started_seconds", "_trace_is_own", "always", "name", "pickle", "step_id", "trace",
    )  # fmt: skip

    def __init__(
        self, core: RecorderCore | None, trace: Trace, name: str, parent_id: str | None, *, trace_is_own: bool
    ) -> None:
        self._core = core
        self.trace = trace
        self.name = name
        self.step_id = new_id()
        self.always = False
        self.pickle: bool | None = None
        self._parent_id = parent_id
        self._trace_is_own = trace_is_own
        self._parts = Parts()
        self._metadata: Metadata | None = None
        self._ended = False
        self._name_json = name_json(name)
        if core is not None:
            self._number = trace.next_number()
            self._started_ms = core.wall_ms()
            self._started_seconds = core.monotonic_seconds()
            core.running.steps[self.step_id] = self  # last: the background may look at it from now on

    def __repr__(self) -> str:
        """Show name and id."""
        return f"<xray_trace.Step {self.name!r} {self.step_id}>"

    @property
    def core(self) -> RecorderCore | None:
        """Return what the step records with; None where it is not recorded."""
        return self._core

    @property
    def started_seconds(self) -> float:
        """Return when the step began, by the monotonic clock."""
        return self._started_seconds

    @property
    def number(self) -> int | None:
        """Return the step's number in its trace, from 1; None where it is not recorded."""
        return self._number if self._core is not None else None

    # -- what the user says of the step -----------------------------------------------------------------

    def input(self, value: T, key: str = "input", metadata: Mapping[str, object] | None = None) -> T:
        """Attach what went in; returns the value."""
        self.attach(value, key, "input", metadata)
        return value

    def output(self, value: T, key: str = "return", metadata: Mapping[str, object] | None = None) -> T:
        """Attach what came out; returns the value."""
        self.attach(value, key, "output", metadata)
        return value

    def artifact(
        self,
        data: object,
        key: str,
        type: Role | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> str:
        """Attach any value; returns its data id."""
        return self.attach(data, key, type, metadata, tell_id=True) or new_id()

    def annotate(self, /, **metadata: object) -> None:
        """Add to the step's metadata."""
        self.add_metadata(metadata)

    # -- what the decorators do -------------------------------------------------------------------------

    def attach(
        self,
        value: object,
        key: str,
        role: Role | None,
        metadata: Mapping[str, object] | None = None,
        *,
        tell_id: bool = False,
    ) -> str | None:
        """Capture a value now; returns its data id where it was asked for."""
        core = self._core
        if core is None:
            return None
        try:
            part = core.artifacts.add(
                self._parts,
                self.trace.trace_id,
                key,
                value,
                role,
                metadata=metadata,
                always=self.always,
                pickle=self.pickle,
                tell_id=tell_id,
            )
        except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
            core.guard.swallow(error, f"capturing {key!r}")
            return None
        return part.data_id

    def attach_encoded(self, key: str, role: Role | None, content: Content) -> None:
        """Attach a value that is encoded already."""
        part = Part(key, role, content.content_type, content.body, content.summary, b"{}")
        self._parts.parts.append(part)

    def add_metadata(self, metadata: Mapping[str, object]) -> None:
        """Add to the step's metadata, as it is now."""
        if self._core is not None and metadata:
            with self._core.guard.around("annotating a step"):
                if self._metadata is None:
                    self._metadata = Metadata(self._core.capturer)
                self._metadata.add(metadata)

    def end(self, error: BaseException | None = None) -> None:
        """Record the step; when this returns, it outlives the process. Only the first call counts."""
        core = self._core
        if core is None or self._ended:
            return
        self._ended = True
        try:
            try:
                self._put(core, error)
            except Exception as fault:  # noqa: BLE001 - the guard is where our own errors end
                core.guard.swallow(fault, f"recording the step {self.name!r}")
            if self._trace_is_own:
                self.trace.end(error)
        finally:
            core.running.end_step(self.step_id)  # last: whoever does not find it there finds its end in the spool

    def unfinished(self) -> Unfinished:
        """Return what is to be told of the step while it runs; the background asks, in its own thread."""
        core, trace = self._core, self.trace
        assert core is not None, "a step that is not recorded is not known to run"
        parts = self._parts.parts
        whole = [self._identified(core, part) for part in list(parts)]
        lean = [named(part) for part in whole]
        metadata = b"{}" if self._metadata is None else self._metadata.encode()
        pending = Record(trace.trace_id, as_pending(self._event("step", metadata)), whole)
        closing = [Record(trace.trace_id, self._event("step-error", ended_with_process(metadata, "step")), lean)]
        if self._trace_is_own:
            closing += trace.unfinished().closing

        def keep_lean() -> None:
            for index, part in enumerate(lean):
                if part.body is None:
                    parts[index] = part  # should the step be ending now, then its record has the one or the other

        return Unfinished(pending, closing, keep_lean)

    def _identified(self, core: RecorderCore, part: Part) -> Part:
        if not is_large(part) or part.data_id is not None:
            return part
        data_id = core.artifacts.data_id(self.trace.trace_id, part.content_type, part.body or b"")
        return msgspec.structs.replace(part, data_id=data_id)

    def _put(self, core: RecorderCore, error: BaseException | None) -> None:
        duration_seconds = core.monotonic_seconds() - self._started_seconds
        if error is not None:
            self.add_metadata(describe_error(error))
        metadata = b"{}" if self._metadata is None else self._metadata.encode()
        event = self._event("step" if error is None else "step-error", metadata, duration_seconds * 1000)
        core.put(Record(self.trace.trace_id, event, self._parts.parts), self._parts.late)

    def _event(self, kind: StepType, metadata: bytes, duration_ms: float | None = None) -> bytes:
        return step_event(
            kind,
            step_id=self.step_id,
            trace_id=self.trace.id_json,
            name=self._name_json,
            number=self._number,
            at_ms=self._started_ms,
            metadata=metadata,
            parent_id=self._parent_id,
            duration_ms=duration_ms,
        )


NO_STEP = Step(None, NO_TRACE, "", None, trace_is_own=False)
"""Stands in where nothing is recorded."""
