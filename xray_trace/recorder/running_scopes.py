"""RunningScopes: which steps and traces of a tracer have begun and not ended."""

import itertools
from collections.abc import Callable, Hashable, Mapping
from typing import Protocol
from weakref import ref

from xray_trace.clock import Monotonic, monotonic_seconds
from xray_trace.events import OpenScope

__all__ = ["LONG_SECONDS", "OpenStep", "OpenTrace", "OpenedTrace", "RunningScopes"]

LONG_SECONDS = 1.0  # the specification's: what is shorter is told by its end, soon enough
_AT_ONCE = 1000  # steps moved in one go; few enough that the interpreter is not held for a millisecond


class OpenStep(OpenScope, Protocol):
    """A step, as the registry sees it."""

    @property
    def began_seconds(self) -> float:
        """Return when it began, by the monotonic clock."""


class OpenTrace(OpenScope, Protocol):
    """A trace, as the registry sees it."""


class OpenedTrace(ref[OpenTrace]):
    """What is known of a trace that does not keep it alive."""

    __slots__ = ("began_seconds",)

    began_seconds: float


class _Steps(Protocol):
    """What a step sees of the dict that it puts itself into."""

    def __setitem__(self, step_id: str, step: OpenStep, /) -> None: ...


class RunningScopes:
    """An `OpenScopes` that costs a call one store into a dict and one `pop`.

    Every change is one operation on a dict or set, which no other thread and no signal handler can come into: no lock.
    The short calls' dict is in order of start, so that a look ends at the first young step; what has been open for
    long is moved to another, out of the way. There it is held weakly, like a trace from the start: what a program
    drops without ending it, or a signal handler's exception keeps from beginning, must not be kept alive.
    """

    def __init__(self, monotonic: Monotonic = monotonic_seconds) -> None:
        self._young_steps: dict[str, OpenStep] = {}
        self.steps: _Steps = self._young_steps
        """Steps that are open, by id; a step puts itself in when it begins."""
        self._long_steps: dict[str, ref[OpenStep]] = {}
        self._traces: set[OpenedTrace] = set()
        self._monotonic = monotonic
        self._wake: Callable[[], None] | None = None

    def end_step(self, step_id: str) -> None:
        """Forget a step whose record is kept."""
        if self._young_steps.pop(step_id, None) is None:
            self._long_steps.pop(step_id, None)

    def begin_trace(self, trace: OpenTrace) -> OpenedTrace:
        """Know of a trace until it ends or is dropped; return what `end_trace` wants.

        What is called when it is dropped is no code in Python: the interpreter would let nothing out of that, not even
        a signal handler's exception.
        """
        opened = OpenedTrace(trace, self._traces.discard)
        opened.began_seconds = self._monotonic()
        self._traces.add(opened)
        self.tell_of_begin()
        return opened

    def end_trace(self, opened: OpenedTrace) -> None:
        """Forget a trace."""
        self._traces.discard(opened)

    def tell_of_begin(self) -> None:
        """Call whom `call_at_next` named."""
        self.steps = self._young_steps
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()

    # -- what the background asks -------------------------------------------------------------------------

    def is_empty(self) -> bool:
        """Tell whether nothing is open."""
        return not (self._young_steps or self._long_steps or self._traces)

    def open_long(self) -> Mapping[Hashable, OpenScope]:
        """Return what has been open for a second or more."""
        before = self._monotonic() - LONG_SECONDS
        while self._move_some(before):
            pass
        found: dict[Hashable, OpenScope] = {}
        for step_id, held in self._long_steps.copy().items():  # copying is one operation too
            if (step := held()) is not None:
                found[step_id] = step
            else:
                self._long_steps.pop(step_id, None)
        for opened in self._traces.copy():
            if opened.began_seconds <= before and (trace := opened()) is not None:
                found[opened] = trace
        return found

    def call_at_next(self, wake: Callable[[], None] | None) -> None:
        """Have this called, once, when something begins, by the thread that begins it."""
        self._wake = wake
        self.steps = self._young_steps if wake is None else _Alarm(self._young_steps, self.tell_of_begin)

    def forget_in_child(self) -> None:
        """Forget, in a fork's child, what is open in its parent."""
        self.call_at_next(None)
        self._young_steps.clear()
        self._long_steps.clear()
        self._traces.clear()

    def _move_some(self, before: float) -> bool:
        """Move steps that began before; tell whether there may be more."""
        try:
            first = list(itertools.islice(self._young_steps.items(), _AT_ONCE))
        except RuntimeError:  # changed under the look: by the garbage collector's work, since C code has no other gap
            return False
        for step_id, step in first:
            if step.began_seconds > before:
                return False
            self._move(step_id, step)
        return len(first) == _AT_ONCE

    def _move(self, step_id: str, step: OpenStep) -> None:
        """Move a step that may end at this very moment, in another thread.

        In first, out second: then `end_step` finds it in one of the two whenever it looks. Had it ended before the
        second, it was taken from the first dict by its own thread, which looked no further, and is ours to forget.
        """
        self._long_steps[step_id] = ref(step)
        if self._young_steps.pop(step_id, None) is None:
            self._long_steps.pop(step_id, None)


class _Alarm:
    """Stands in the dict's place while the background sleeps: so a step that begins need not ask whether it does."""

    def __init__(self, steps: dict[str, OpenStep], wake: Callable[[], None]) -> None:
        self._steps = steps
        self._wake = wake

    def __setitem__(self, step_id: str, step: OpenStep) -> None:
        self._steps[step_id] = step
        self._wake()
