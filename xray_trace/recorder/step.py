"""Step: one piece of a trace's work, from its start to its end."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from xray_trace.capture.failure import pass_on_signal
from xray_trace.capture.probe import TooLarge
from xray_trace.context import Scope
from xray_trace.events import Content, Part, Record, Role, StepEvent, StepType, Unfinished
from xray_trace.ids import new_id
from xray_trace.recorder.core import RecorderCore
from xray_trace.recorder.events import clean_name
from xray_trace.recorder.failure import describe_error
from xray_trace.recorder.metadata import Metadata
from xray_trace.recorder.options import StepOptions
from xray_trace.recorder.trace import NO_TRACE, Trace
from xray_trace.recorder.unfinished import ended_with_process, is_large, named

__all__ = ["NO_STEP", "Step"]

T = TypeVar("T")

_SHORT_KEY = 100  # characters of a key that needs no cleaning, if they are ASCII


class Step(Scope, eq=False):
    """A step that runs; its methods never raise, and do nothing where the step is not recorded."""

    core: RecorderCore | None
    """What the step records with; None where it is not recorded."""
    trace: Trace
    name: str
    step_id: str
    number: int | None
    """The step's number in its trace, from 1; None where it is not recorded."""
    _parent_id: str | None
    _trace_is_own: bool
    _at_seconds: float
    began_seconds: float
    """When it began, by the monotonic clock."""
    options: StepOptions
    _metadata: Metadata | None = None
    described: Mapping[str, object] | None = None
    """Metadata of an integration's, which changes nothing in it but may put another in its place: encoded as the step
    is told, and not each time that more is known. What the user says of the step comes on top."""
    parts: list[Part] = msgspec.field(default_factory=list)
    """What was captured so far."""
    _is_small: bool = True
    """Whether all values were taken at once, as small ones are."""
    _ended: bool = False
    around: Scope | None = None
    """What was current when its block began; None for a call, which puts that back by itself."""

    def __repr__(self) -> str:
        """Show name and id."""
        return f"<xray_trace.Step {self.name!r} {self.step_id}>"

    @property
    def is_recorded(self) -> bool:
        """Tell whether anything of it is recorded: false where the SDK is off, or its trace was not sampled."""
        return self.core is not None

    @property
    def has_ended(self) -> bool:
        """Tell whether the step was ended."""
        return self._ended

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

    def rename(self, name: str) -> None:
        """Give the step another name, which is known only now."""
        if self.core is not None:
            with self.core.guard.around("renaming a step"):
                self.name = clean_name(name)

    # -- what the decorators do -------------------------------------------------------------------------

    def attach(
        self,
        value: object,
        key: str,
        role: Role | None,
        metadata: Mapping[str, object] | None = None,
        *,
        tell_id: bool = False,
        put_off: bool = False,
    ) -> str | None:
        """Capture a value now, or as soon as can be; returns its data id where it was asked for."""
        core = self.core
        if core is None:
            return None
        try:
            if not (tell_id or put_off or metadata) and self._attach_plain(core, key, role, value):
                return None
        except TooLarge:
            put_off = True
        except Exception as error:  # noqa: BLE001 - the long way meets it again, and tells what it is
            pass_on_signal(error)
        try:
            self._is_small = False
            part = core.artifacts.add(
                self.parts,
                self.trace.trace_id,
                key,
                value,
                role,
                metadata=metadata,
                always=self.options.always,
                pickle=self.options.pickle,
                tell_id=tell_id,
                put_off=put_off,
            )
            return part.data_id
        except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
            core.guard.swallow(error, f"capturing {key!r}")
            return None

    def _attach_plain(self, core: RecorderCore, key: str, role: Role | None, value: object) -> bool:
        """Take the short way; returns whether that was enough. Raises TooLarge."""
        if type(key) is not str or len(key) > _SHORT_KEY or not key.isascii():
            return False
        part = core.capturer.take_plain(key, role, value, self.options.always)
        if part is not None:
            self.parts.append(part)
        return part is not None

    def attach_encoded(self, key: str, role: Role | None, content: Content) -> None:
        """Attach a value that is encoded already."""
        part = Part(key, role, content.content_type, content.body, content.summary, b"{}")
        self.parts.append(part)

    def add_metadata(self, metadata: Mapping[str, object]) -> None:
        """Add to the step's metadata, as it is now."""
        core = self.core
        if core is not None and metadata:
            try:
                if self._metadata is None:
                    self._metadata = Metadata(core.capturer)
                self._metadata.add(metadata)
            except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
                core.guard.swallow(error, "annotating a step")

    def end(self, error: BaseException | None = None) -> None:
        """Record the step; when this returns, it outlives the process. Only the first call counts."""
        core = self.core
        if core is None or self._ended:
            return
        self._ended = True
        try:
            if error is not None:
                self.add_metadata(describe_error(error))
            event = self._event("step" if error is None else "step-error")
            event.duration_seconds = core.monotonic_seconds() - self.began_seconds
            core.put(Record(self.trace.trace_id, event, self.parts), self._is_small)
        except Exception as fault:  # noqa: BLE001 - the guard is where our own errors end
            core.guard.swallow(fault, f"recording the step {self.name!r}")
        finally:
            if self._trace_is_own:
                self.trace.end(error)
            core.running.end_step(self.step_id)  # last: whoever does not find it there finds its end in the spool

    def unfinished(self) -> Unfinished:
        """Return what is to be told of the step while it runs; the background asks, in its own thread."""
        core, trace = self.core, self.trace
        assert core is not None, "a step that is not recorded is not known to run"
        parts = self.parts
        whole = [self._identified(core, part) for part in list(parts)]
        lean = [named(part) for part in whole]
        pending, closing = self._event("step"), self._event("step-error")
        pending.pending = True
        closing.metadata = ended_with_process(closing.metadata, "step")
        closings = [Record(trace.trace_id, closing, lean)]
        if self._trace_is_own:
            closings += trace.unfinished().closing

        def keep_lean() -> None:
            for index, part in enumerate(lean):
                if part.body is None:
                    parts[index] = part  # should the step be ending now, then its record has the one or the other

        return Unfinished(Record(trace.trace_id, pending, whole), closings, keep_lean)

    def _event(self, kind: StepType) -> StepEvent:
        at_seconds, parent_id = self._at_seconds, self._parent_id
        return StepEvent(kind, self.step_id, self.name, self.number, at_seconds, None, parent_id, self._encoded())

    def _encoded(self) -> bytes:
        said, described = self._metadata, self.described
        if described is None or self.core is None:
            return b"{}" if said is None else said.encode()
        encoded = self.core.encode_metadata(described)
        return encoded if said is None else said.encode_on(encoded)

    def _identified(self, core: RecorderCore, part: Part) -> Part:
        if not is_large(part) or part.data_id is not None:
            return part
        data_id = core.artifacts.data_id(self.trace.trace_id, part.content_type, part.body or b"")
        return msgspec.structs.replace(part, data_id=data_id)


NO_STEP = Step(None, NO_TRACE, "", new_id(), None, None, False, 0.0, 0.0, StepOptions())
"""Stands in where nothing is recorded."""
