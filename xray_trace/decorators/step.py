"""`step`: as decorator with and without arguments, and as context manager."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, overload

from xray_trace.decorators.spec import Spec
from xray_trace.decorators.step_activity import StepActivity
from xray_trace.default import get_recorder
from xray_trace.recorder.events import clean_name
from xray_trace.recorder.options import MetadataSource, Snapshot, StepOptions
from xray_trace.recorder.step import NO_STEP, Step

__all__ = ["StepSpec", "step"]

T = TypeVar("T")


class StepSpec(Spec[Step]):
    """What `step(…)` returns: decorates a callable, or makes the block of a `with` a step."""

    def __init__(self, options: StepOptions) -> None:
        super().__init__(options.name)
        self._options = options

    def __repr__(self) -> str:
        """Show the name that was given."""
        return f"<xray_trace.step {self._options.name!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the options; open blocks are this process's."""
        return StepSpec, (self._options,)

    def _activity(self, function: Callable[..., Any], name: str) -> StepActivity:
        return StepActivity(function, self._options, name)

    def _open(self) -> Step | None:
        recorder = get_recorder()
        if recorder is None:
            return None
        with recorder.core.guard.around("starting a step"):
            opened = recorder.start_step(clean_name(self._options.name or "step"), self._options, Step)
            if not callable(self._options.metadata):
                opened.add_metadata(self._options.metadata or {})
            return opened
        return None

    def _nothing(self) -> Step:
        return NO_STEP


@overload
def step(
    target: str | None = None,
    /,
    *,
    name: str | None = None,
    metadata: MetadataSource = None,
    capture_inputs: bool | Iterable[str] = True,
    ignore: Iterable[str] = (),
    capture_output: bool = True,
    snapshot: Snapshot = "auto",
    pickle: bool | None = None,
) -> StepSpec: ...


@overload
def step(target: T, /) -> T: ...


def step(
    target: Any = None,
    /,
    *,
    name: str | None = None,
    metadata: MetadataSource = None,
    capture_inputs: bool | Iterable[str] = True,
    ignore: Iterable[str] = (),
    capture_output: bool = True,
    snapshot: Snapshot = "auto",
    pickle: bool | None = None,
) -> Any:
    """Record each call of a callable, or the block of a `with`, as a step.

    Works on functions, coroutine functions, generators and async generators, methods, class and static methods,
    properties, classes (every public method), callable objects and partials. Nothing of ours is ever raised.

    `name`, or a text as the only positional argument: what the step is called, else the callable's own name.
    `metadata`: a mapping, or a function of the bound arguments (a dict) and the result that returns one.
    `capture_inputs`: whether arguments are recorded, or the names of those that are; `ignore`: names that are not.
    `capture_output`: whether the result is recorded.
    `snapshot`: `"auto"` encodes very large values in the background, `"always"` at once, whatever it costs.
    `pickle`: keep a cloudpickle beside a value that has no other encoding; it cannot be masked.
    """
    given = target if isinstance(target, str) else name
    spec = StepSpec(StepOptions.of(given, metadata, capture_inputs, ignore, capture_output, snapshot, pickle))
    return spec if target is None or isinstance(target, str) else spec(target)
