"""The `with` blocks of one `step(…)` or `trace(…)`."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Generic, TypeVar

from xray_trace.context import Scope, get_scope, set_scope
from xray_trace.recorder.step import Step
from xray_trace.recorder.trace import Trace

__all__ = ["Blocks"]

S = TypeVar("S", Step, Trace)


class Blocks(ABC, Generic[S]):
    """Opens a step or trace for each block, and remembers the scope around it.

    One object may be entered by several threads or tasks at once, so the block that ends is found by the scope
    that is current; where the user's code left another one current, the innermost is taken. A block in a generator may
    end in another thread or task than it began in, and nothing is put back there. Every change is one
    step of the interpreter, so that no other thread comes between, and as few steps as can be are open to a signal.
    """

    def __init__(self) -> None:
        self._around: dict[S, Scope | None] = {}
        self._unrecorded: list[None] = []

    @abstractmethod
    def _open(self) -> S | None:
        """Begin what a block records; None where tracing is off."""

    @abstractmethod
    def _nothing(self) -> S:
        """Return what a block is given where nothing is recorded."""

    def __enter__(self) -> S:
        """Begin what ends with the block."""
        former = get_scope()
        try:
            opened = self._open()
            if opened is None:
                self._unrecorded.append(None)
                return self._nothing()
            self._around[opened] = former
            opened.around = _still_open(former)
            set_scope(opened)
            return opened
        except BaseException:  # a signal handler's: the block does not begin, and nobody would end it
            set_scope(former)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Record the end; an exception goes on."""
        current: Any = get_scope()
        if current in self._around:
            set_scope(self._around[current])
            del self._around[current]
            current.around = None
            current.end(error)
        else:
            self._end_another(error)

    async def __aenter__(self) -> S:
        """Begin what ends with the block."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Record the end; an exception goes on."""
        self.__exit__(kind, error, traceback)

    def _end_another(self, error: BaseException | None) -> None:
        try:
            self._unrecorded.pop()
        except IndexError:
            self._end_innermost(error)

    def _end_innermost(self, error: BaseException | None) -> None:
        try:
            opened, former = self._around.popitem()
        except KeyError:  # left without having been entered
            return
        if _lies_within(get_scope(), opened):  # else it ends where its scope is not current, and nor is one in it
            set_scope(former)
        opened.end(error)


def _still_open(scope: Scope | None) -> Scope | None:
    """Pass over what was left current though it ended: such ones would keep each other alive for ever."""
    while isinstance(scope, (Step, Trace)) and scope.has_ended:
        scope = scope.around
    return scope


def _lies_within(scope: Scope | None, outer: Scope) -> bool:
    while scope is not None and scope is not outer:
        scope = scope.around if isinstance(scope, (Step, Trace)) else None
    return scope is outer
