"""A callable each of whose calls is a step."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from xray_trace.capture.arguments import ArgumentBinder
from xray_trace.capture.capturer import Capturer
from xray_trace.capture.failure import pass_on_signal
from xray_trace.capture.json_codec import JSON
from xray_trace.capture.probe import TooLarge
from xray_trace.decorators.activity import Run
from xray_trace.decorators.items import Items
from xray_trace.decorators.signatures import brings_its_object, names_arguments_of, signature_of
from xray_trace.default import get_recorder
from xray_trace.events import Part
from xray_trace.recorder.core import RecorderCore
from xray_trace.recorder.events import clean_name
from xray_trace.recorder.options import StepOptions
from xray_trace.recorder.step import Step

__all__ = ["StepActivity"]


class StepActivity:
    """Each call is a step."""

    def __init__(self, function: Callable[..., Any], options: StepOptions, name: str) -> None:
        self.options = options
        self.name = clean_name(name)
        self._function = function
        self._binders: dict[bool, ArgumentBinder] = {}
        self._binders_of_all: dict[bool, ArgumentBinder] = {}

    def is_on(self) -> bool:
        """Tell whether a call would be recorded."""
        return get_recorder() is not None

    def begin(self, instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run | None:
        """Begin a step and take its inputs: the first half of the hot path, so that it makes as few calls as it can."""
        recorder = get_recorder()
        if recorder is None:
            return None
        options, call = self.options, None
        try:
            call = recorder.start_step(self.name, options, StepCall)
            core = call.core
            if core is None:
                return call
            if options.capture_inputs:
                self._take_inputs(call, core.capturer, instance is not None, args, kwargs)
            if options.metadata is not None:
                self._add_metadata(call, instance is not None, args, kwargs)
        except Exception as error:  # noqa: BLE001 - the guard is where our own errors end
            recorder.core.guard.swallow(error, f"starting the step {self.name!r}")
        return call

    def _take_inputs(
        self, call: "StepCall", capturer: Capturer, is_bound: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        binder = self._binders.get(is_bound) or self._make_binder(is_bound)
        take_plain, always, parts = capturer.take_plain, self.options.always, call.parts
        for key, value in binder.pairs(args, kwargs, capturer.is_secret):
            try:
                part = take_plain(key, "input", value, always)
            except TooLarge:
                call.attach(value, key, "input", put_off=True)
                continue
            if part is not None:
                parts.append(part)
            else:
                call.attach_input(key, value)

    def _add_metadata(self, call: "StepCall", is_bound: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take what the user gave, or what the user's function will ask for when the call is over."""
        if isinstance(self.options.metadata, Mapping):
            call.add_metadata(self.options.metadata)
        else:
            call.bound = self._all_arguments(is_bound).bind(args, kwargs)

    def _make_binder(self, is_bound: bool) -> ArgumentBinder:
        wanted = self.options.capture_inputs
        names = None if isinstance(wanted, bool) else wanted
        binder = self._binders[is_bound] = self._binder_of(is_bound, names, self.options.ignore)
        return binder

    def _all_arguments(self, is_bound: bool) -> ArgumentBinder:
        """Return what binds for the user's metadata function, which sees also what is not recorded."""
        binder = self._binders_of_all.get(is_bound)
        if binder is None:
            binder = self._binders_of_all[is_bound] = self._binder_of(is_bound, None, frozenset())
        return binder

    def _binder_of(self, is_bound: bool, names: frozenset[str] | None, ignore: frozenset[str]) -> ArgumentBinder:
        function = names_arguments_of(self._function)
        signature = signature_of(function)
        is_bound = is_bound and not brings_its_object(function)
        first = next(iter(signature.parameters), None)
        if not is_bound and first in {"self", "cls"}:
            ignore |= {first}
        return ArgumentBinder(signature, is_bound=is_bound, names=names, ignore=ignore)


_UNCHANGING = (str, bytes)


class StepCall(Step, eq=False):
    """One call of a step; the step itself, so that a call makes no second object."""

    bound: dict[str, Any] | None = None
    """The arguments by name, where the user's metadata function wants them."""
    _items: Items | None = None
    _texts: dict[int, int] | None = None
    """Where among the parts long texts and bytes are that came in, by their `id`: the caller holds them meanwhile."""

    @property
    def scope(self) -> Step:
        """Return what is current while the call runs."""
        return self

    def attach_input(self, key: str, value: object) -> None:
        """Capture an argument that needs more than one look."""
        position = len(self.parts)
        self.attach(value, key, "input")
        if type(value) in _UNCHANGING and len(self.parts) > position:
            self._texts = self._texts or {}
            self._texts[id(value)] = position

    def succeed(self, result: object) -> None:
        """Take the output and record the step: the second half of the hot path."""
        if self.options.capture_output and self.core is not None:
            self._take_result(self.core, result)
        if self.options.metadata is not None:
            self._ask_for_metadata(result)
        self.end()

    def _take_result(self, core: RecorderCore, result: object) -> None:
        try:
            take_plain = core.capturer.take_plain
            part = take_plain("return", "output", result, self.options.always)
        except TooLarge:
            self.attach(result, "return", "output", put_off=True)
            return
        except Exception as error:  # noqa: BLE001 - the long way meets it again, and tells what it is
            pass_on_signal(error)
            part = None
        if part is None and type(result) in _UNCHANGING:
            part = self._taken_before(core, result)
        if part is not None:
            self.parts.append(part)
        else:
            self.attach(result, "return", "output")

    def _taken_before(self, core: RecorderCore, result: object) -> Part | None:
        """Return what was made of a long text when it came in, if that is what goes out."""
        position = (self._texts or {}).get(id(result))
        if position is None or core.capturer.masks_by_value or core.capturer.is_secret("return"):
            return None
        part = self.parts[position]
        return None if part.content_type == JSON else msgspec.structs.replace(part, key="return", role="output")

    def fail(self, error: BaseException) -> None:
        """Record the step with its error."""
        self._ask_for_metadata(None)
        self.end(error)

    def take(self, item: object) -> None:
        """Take an item of a generator, one of the first few."""
        core = self.core
        if core is not None and self.options.capture_output:
            self._items = self._items or Items(core.capturer)
            with core.guard.around("taking a generator's item"):
                self._items.add(item)

    def end_generator(self, returned: object, error: BaseException | None) -> None:
        """Record the step of a generator that is over."""
        core = self.core
        if core is not None and self.options.capture_output:
            items = self._items or Items(core.capturer)
            with core.guard.around("taking a generator's items"):
                self.attach_encoded("return", "output", items.content(returned))
        self._ask_for_metadata(None if error is not None else returned)
        self.end(error)

    def _ask_for_metadata(self, result: object) -> None:
        source, core = self.options.metadata, self.core
        if core is not None and callable(source):
            with core.guard.around(f"asking for the metadata of the step {self.name!r}"):
                self.add_metadata(source(self.bound or {}, result))
