"""What Flask answers with 500 in its own name: the exception leaves it by its signal alone."""

import sys
from typing import Any

from xray_trace.instrumentation import guarded
from xray_web.request_step import RequestStep

__all__ = ["REQUEST", "hear_of_errors"]

REQUEST = "xray_web.request"
"""Under this name a request's step is in its environ."""

_is_heard = False


def hear_of_errors() -> None:
    """Be told of them, in a program that has Flask; asked at each request, as it may have it only now."""
    global _is_heard
    signal: Any = None if _is_heard else getattr(sys.modules.get("flask"), "got_request_exception", None)
    if signal is None:  # or another thread is at importing it
        return
    _is_heard = True
    if "blinker" in sys.modules:  # before Flask 2.3 there may be none, and then its signals refuse
        with guarded("connecting to Flask's signal"):
            signal.connect(_note)


def _note(_: object, *, exception: BaseException, **__: object) -> None:
    with guarded("noting an error of Flask's"):
        asked = sys.modules["flask"].request
        request = asked.environ.get(REQUEST)
        if isinstance(request, RequestStep):
            request.note_error(exception, getattr(asked.url_rule, "rule", None))
