"""An exception as metadata."""

from collections.abc import Iterator
from types import TracebackType

from xray_trace.capture.failure import pass_on_signal
from xray_trace.capture.type_name import qualified_name

__all__ = ["describe_error"]

_MAX_FRAMES = 50  # as many as show where a recursion began and ended
_MAX_CHARACTERS = 8192  # an error's text must not crowd out the step that it belongs to


def describe_error(error: BaseException, *, with_stack: bool = True) -> dict[str, object]:
    """Return `error` (the message), `errorType` and, where asked for, `stack` (the innermost frame last)."""
    described: dict[str, object] = {"error": _message(error), "errorType": qualified_name(type(error))}
    if with_stack:
        described["stack"] = _stack(error)
    return described


def _message(error: BaseException) -> str:
    try:
        return str(error)[:_MAX_CHARACTERS]
    except Exception as fault:  # noqa: BLE001 - a broken __str__ is the user's, and is not ours to raise
        pass_on_signal(fault)
        return "the message could not be read"


def _stack(error: BaseException) -> str:
    lines = list(_frames(error.__traceback__))
    if len(lines) > _MAX_FRAMES:
        half = _MAX_FRAMES // 2
        lines = [*lines[:half], f"... {len(lines) - 2 * half} frames ...", *lines[-half:]]
    return "\n".join(lines)[-_MAX_CHARACTERS:]


def _frames(traceback: TracebackType | None) -> Iterator[str]:
    """Yield place and function, without source lines: reading files is not for the caller's thread."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield f"{code.co_filename}:{traceback.tb_lineno} in {code.co_name}"
        traceback = traceback.tb_next
