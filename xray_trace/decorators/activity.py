"""The two things a callable can be made into: a step, or a trace."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from xray_trace.capture.arguments import ArgumentBinder
from xray_trace.capture.failure import pass_on_signal
from xray_trace.context import Scope, get_scope
from xray_trace.decorators.items import Items
from xray_trace.decorators.options import StepOptions, TraceOptions
from xray_trace.default import get_recorder
from xray_trace.recorder.recorder import Recorder
from xray_trace.recorder.step import Step
from xray_trace.recorder.trace import Trace

__all__ = ["Activity", "Run", "StepActivity", "TraceActivity", "Unrecorded", "signature_of"]


class Run(Protocol):
    """One call that is being recorded."""

    scope: Scope | None

    def succeed(self, result: object) -> None:
        """The call returned."""

    def fail(self, error: BaseException) -> None:
        """The call raised."""

    def take(self, item: object) -> None:
        """The call is a generator, and gave this item."""

    def end_generator(self, returned: object, error: BaseException | None) -> None:
        """The call is a generator, and is over."""


class Unrecorded:
    """A call that is not recorded after all; it runs in the scope where it began."""

    def __init__(self) -> None:
        self.scope = get_scope()

    def succeed(self, result: object) -> None:
        """Do nothing."""

    def fail(self, error: BaseException) -> None:
        """Do nothing."""

    def take(self, item: object) -> None:
        """Do nothing."""

    def end_generator(self, returned: object, error: BaseException | None) -> None:
        """Do nothing."""


class Activity(Protocol):
    """What a decorated callable does at each call."""

    def is_on(self) -> bool:
        """Tell whether a call would be recorded."""

    def begin(self, instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run | None:
        """Begin a call; None where nothing is recorded. Never raises an error of ours."""


class StepActivity:
    """Each call is a step."""

    def __init__(self, function: Callable[..., Any], options: StepOptions, name: str) -> None:
        self.options = options
        self.name = name
        self._function = function
        self._binders: dict[bool, ArgumentBinder] = {}
        self._binders_of_all: dict[bool, ArgumentBinder] = {}

    def is_on(self) -> bool:
        """Tell whether a call would be recorded."""
        return get_recorder() is not None

    def begin(self, instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run | None:
        """Begin a step and take its inputs."""
        recorder = get_recorder()
        if recorder is None:
            return None
        try:
            return self._begin(recorder, instance is not None, args, kwargs)
        except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
            recorder.core.guard.swallow(error, f"starting the step {self.name!r}")
            return None

    def _begin(self, recorder: Recorder, is_bound: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run:
        options = self.options
        step = recorder.start_step(self.name)
        if step.core is None:
            return StepRun(step, options, {})
        step.always = options.snapshot == "always"
        step.pickle = options.pickle
        if options.capture_inputs:
            for key, value in self._binder(is_bound).bind(args, kwargs).items():
                step.attach(value, key, "input")
        if isinstance(options.metadata, Mapping):
            step.add_metadata(options.metadata)
        elif options.metadata is not None:
            return StepRun(step, options, self._all_arguments(is_bound).bind(args, kwargs))
        return StepRun(step, options, {})

    def _binder(self, is_bound: bool) -> ArgumentBinder:
        binder = self._binders.get(is_bound)
        if binder is None:
            wanted = self.options.capture_inputs
            names = None if isinstance(wanted, bool) else wanted
            binder = self._binders[is_bound] = self._make_binder(is_bound, names, self.options.ignore)
        return binder

    def _all_arguments(self, is_bound: bool) -> ArgumentBinder:
        """Return what binds for the user's metadata function, which sees also what is not recorded."""
        binder = self._binders_of_all.get(is_bound)
        if binder is None:
            binder = self._binders_of_all[is_bound] = self._make_binder(is_bound, None, frozenset())
        return binder

    def _make_binder(self, is_bound: bool, names: frozenset[str] | None, ignore: frozenset[str]) -> ArgumentBinder:
        signature = _named_signature_of(self._function)
        first = next(iter(signature.parameters), None)
        if not is_bound and first in {"self", "cls"}:
            ignore |= {first}
        return ArgumentBinder(signature, is_bound=is_bound, names=names, ignore=ignore)


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return what the function itself takes, or anything where that cannot be found (some builtins tell nothing)."""
    try:
        return inspect.signature(function, follow_wrapped=False)
    except Exception as error:  # noqa: BLE001 - a callable object may answer with any error of its own
        pass_on_signal(error)
        kinds = inspect.Parameter
        return inspect.Signature([kinds("args", kinds.VAR_POSITIONAL), kinds("kwargs", kinds.VAR_KEYWORD)])


def _named_signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature whose names the inputs get: of a wrapper that takes anything, that of what it wraps."""
    own = signature_of(function)
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    takes_anything = bool(own.parameters) and all(parameter.kind in variadic for parameter in own.parameters.values())
    return signature_of(inspect.unwrap(function)) if takes_anything and hasattr(function, "__wrapped__") else own


class StepRun:
    """One call of a step."""

    __slots__ = ("_bound", "_items", "_options", "scope", "step")

    def __init__(self, step: Step, options: StepOptions, bound: dict[str, Any]) -> None:
        self.scope: Scope | None = step
        self.step = step
        self._options = options
        self._bound = bound
        self._items: Items | None = None

    def succeed(self, result: object) -> None:
        """Take the output and record the step."""
        if self._options.capture_output:
            self.step.attach(result, "return", "output")
        self._finish(result)

    def fail(self, error: BaseException) -> None:
        """Record the step with its error."""
        self._add_metadata(None)
        self.step.end(error)

    def take(self, item: object) -> None:
        """Take an item of a generator, one of the first few."""
        core = self.step.core
        if core is not None and self._options.capture_output:
            self._items = self._items or Items(core.capturer)
            with core.guard.around("taking a generator's item"):
                self._items.add(item)

    def end_generator(self, returned: object, error: BaseException | None) -> None:
        """Record the step of a generator that is over."""
        core = self.step.core
        if core is not None and self._options.capture_output:
            items = self._items or Items(core.capturer)
            with core.guard.around("taking a generator's items"):
                self.step.attach_encoded("return", "output", items.content(returned))
        if error is not None:
            self.fail(error)
        else:
            self._finish(returned)

    def _finish(self, result: object) -> None:
        self._add_metadata(result)
        self.step.end()

    def _add_metadata(self, result: object) -> None:
        source, core = self._options.metadata, self.step.core
        if core is not None and callable(source):
            with core.guard.around(f"asking for the metadata of the step {self.step.name!r}"):
                self.step.add_metadata(source(self._bound, result))


class TraceActivity:
    """Each call is a trace."""

    def __init__(self, options: TraceOptions, name: str) -> None:
        self.options = options
        self.name = name

    def is_on(self) -> bool:
        """Tell whether a call would be recorded."""
        return get_recorder() is not None

    def begin(self, instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run | None:
        """Begin a trace."""
        recorder = get_recorder()
        if recorder is None:
            return None
        try:
            options = self.options
            return TraceRun(recorder.start_trace(self.name, options.metadata, sample_rate=options.sample_rate))
        except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
            recorder.core.guard.swallow(error, f"starting the trace {self.name!r}")
            return None


class TraceRun:
    """One call of a trace."""

    __slots__ = ("scope", "trace")

    def __init__(self, trace: Trace) -> None:
        self.scope: Scope | None = trace
        self.trace = trace

    def succeed(self, result: object) -> None:
        """End the trace well."""
        self.trace.end(None)

    def fail(self, error: BaseException) -> None:
        """End the trace as failed."""
        self.trace.end(error)

    def take(self, item: object) -> None:
        """Let the item pass: a trace has no output of its own."""

    def end_generator(self, returned: object, error: BaseException | None) -> None:
        """End the trace as the generator ended."""
        self.trace.end(error)
