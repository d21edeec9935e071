"""The one place where the SDK's own errors end.

The rule: `Exception` only, only around our own work, never around the user's function. What a signal handler
raised while it happened to interrupt us is the user's, and goes on.
"""

# Around these functions the module `signal` catches ValueError, and with it the one of a handler that strikes there.
import _signal  # type: ignore[import-not-found]
import time
from collections.abc import Callable, Iterator
from types import CodeType, TracebackType

__all__ = ["Guard", "from_signal_handler"]

_SECONDS_BETWEEN_LINES = 60.0  # a fault in a hot loop must not flood the user's log


class Guard:
    """Swallows the SDK's errors, counts each, and reports at most one a minute."""

    def __init__(self, count: Callable[[], None], report: Callable[[str], None], *, debug: bool = False) -> None:
        self._count = count
        self._report = report
        self._debug = debug
        self._next_line = 0.0
        self.last: BaseException | None = None
        """The error swallowed last, for tests; without its traceback, which would keep the user's values alive."""

    def swallow(self, error: Exception, doing: str) -> None:
        """Count the error; let it go on if a signal handler of the user's raised it."""
        if from_signal_handler(error):
            raise error
        self._count()
        error.__context__ = error.__cause__ = None  # the user's own error, often
        self.last = error.with_traceback(None)
        now = time.monotonic()
        if self._debug or now >= self._next_line:
            self._next_line = now + _SECONDS_BETWEEN_LINES
            self._report(f"xray_trace failed while {doing} ({type(error).__name__}); your program is not affected")

    def around(self, doing: str) -> "_Around":
        """Swallow what the block of a `with` raises."""
        return _Around(self, doing)


class _Around:
    __slots__ = ("_doing", "_guard")

    def __init__(self, guard: Guard, doing: str) -> None:
        self._guard = guard
        self._doing = doing

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or from_signal_handler(error):
            return False
        self._guard.swallow(error, self._doing)
        return True


def from_signal_handler(error: BaseException) -> bool:
    """Tell whether a signal handler written in Python raised this error."""
    handlers = set(_handler_codes())
    return any(code in handlers for code in _codes(error.__traceback__))


def _codes(traceback: TracebackType | None) -> Iterator[CodeType]:
    while traceback is not None:
        yield traceback.tb_frame.f_code
        traceback = traceback.tb_next


def _handler_codes() -> Iterator[CodeType]:
    for number in _signal.valid_signals():
        handler: object = _signal.getsignal(number)
        while hasattr(handler, "func"):  # functools.partial
            handler = handler.func
        handler = getattr(handler, "__func__", handler)
        if not hasattr(handler, "__code__"):
            handler = getattr(type(handler), "__call__", None)  # noqa: B004 - the method is wanted, not its presence
        code = getattr(handler, "__code__", None)
        if isinstance(code, CodeType):
            yield code
