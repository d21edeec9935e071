"""The tracer that the decorators use where nobody made one."""

import os
import sys
import threading

from xray_trace.guard import from_signal_handler
from xray_trace.recorder.recorder import Recorder
from xray_trace.stats import FlushResult, StatsSnapshot
from xray_trace.tracer import FLUSH_TIMEOUT_SECONDS, BaseTracer, NoopTracer, Tracer

__all__ = ["configure", "flush", "get_recorder", "get_tracer", "install", "is_off_for_good", "shutdown", "stats"]

_installed: BaseTracer | None = None
_recorder: Recorder | None = None
"""The installed tracer's: it is asked for at every call, and a tracer keeps the one it was made with."""
_is_finalizing = sys.is_finalizing
_installing = threading.RLock()  # re-entrant: a signal handler's step may come while the first step makes the tracer
_is_being_made = False
_missed = 0  # steps that could not be recorded because of that
_NO_TRACER = NoopTracer()


def _forget_in_child() -> None:
    """Replace the lock, which a thread that a fork's child does not have may hold."""
    global _installing, _is_being_made
    _installing = threading.RLock()
    _is_being_made = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


def get_tracer() -> BaseTracer:
    """Return the default tracer; the first call makes it from the environment."""
    return _installed or _make_default()


def get_recorder() -> Recorder | None:
    """Return what to record with; None where tracing is off, or the interpreter is being torn down."""
    if _is_finalizing():  # making a tracer or beginning a trace imports, and an import's lock may never be free
        return None
    return _recorder if _installed is not None else _make_default().recorder


def is_off_for_good() -> bool:
    """Tell whether the environment turns tracing off: then a decorator gives back the function itself."""
    return os.environ.get("XRAY_ENABLED", "").strip().lower() in {"0", "false", "no", "off"}


def install(tracer: BaseTracer | None) -> BaseTracer | None:
    """Make this the default tracer; returns the former one, which goes on with what it has.

    None: the next use makes one from the environment.
    """
    global _installed, _recorder
    with _installing:
        former = _installed
        _recorder = None if tracer is None else tracer.recorder
        _installed = tracer
    return former


def configure(**options: object) -> Tracer:
    """Make and install the default tracer; the former one, if any, sends what it has and stops.

    Options that cannot be used are ignored with one warning in the log.
    """
    tracer = Tracer(**options)
    former = install(tracer)
    if former is not None:
        _retire(former)
    return tracer


def flush(timeout_seconds: float = FLUSH_TIMEOUT_SECONDS) -> FlushResult:
    """Send what was recorded; return when it is delivered, or at the deadline."""
    return get_tracer().flush(timeout_seconds)


def shutdown(timeout_seconds: float | None = None) -> FlushResult:
    """Flush and stop; what cannot be sent by the deadline stays on disk. Idempotent."""
    return get_tracer().shutdown(timeout_seconds)


def stats() -> StatsSnapshot:
    """Return where everything is that was recorded."""
    return get_tracer().stats()


def _make_default() -> BaseTracer:
    with _installing:
        return _installed or _make_once()


def _make_once() -> BaseTracer:
    global _is_being_made, _missed
    if _is_being_made:  # in this thread: a signal handler's step, and half of what a tracer needs is imported
        _missed += 1
        return _NO_TRACER
    _is_being_made = True
    try:
        made = _made_safely()
    finally:
        _is_being_made = False
    _tell_what_was_missed(made)
    if _installed is None:  # a signal handler may have configured one meanwhile
        install(made)
    return _installed or made


def _made_safely() -> BaseTracer:
    try:
        return Tracer()
    except Exception as error:
        if from_signal_handler(error):
            raise
        return NoopTracer()


def _tell_what_was_missed(made: BaseTracer) -> None:
    global _missed
    if isinstance(made, Tracer):
        made.miss(_missed, "recorded by a signal handler while the tracer was being made")
    _missed = 0


def _retire(tracer: BaseTracer) -> None:
    try:
        threading.Thread(target=tracer.shutdown, name="xray-trace-retire", daemon=True).start()
    except RuntimeError:  # the interpreter is exiting, and its own hook shuts the tracer down
        return
