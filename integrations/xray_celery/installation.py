"""`install` and `uninstall`: what is connected to Celery's signals."""

import atexit
from collections.abc import Callable, Iterable
from typing import Any

from celery import signals

import xray_trace as xray
from xray_celery.chords import CHORD_UNLOCK
from xray_celery.ending import Ending
from xray_celery.options import Options
from xray_celery.publishing import Publisher, give_up_publish
from xray_celery.received import Received
from xray_celery.running import Runner
from xray_celery.soft_limit import SoftLimit
from xray_trace.instrumentation import guarded

__all__ = ["install", "uninstall"]

_UID = "xray_celery"
_EXIT_SECONDS = 1.0  # a child that leaves waits as long by itself; what is not sent by then is on disk
_soft_limit = SoftLimit()


def install(
    app: Any = None, *, capture_args: bool = True, capture_result: bool = True, ignore: Iterable[str] = ()
) -> None:
    """Record the tasks that this program publishes and runs; where an app is given, that app's.

    Called where the app is made, so that whoever publishes and each worker come by it; of several calls the last
    counts. `capture_args` and `capture_result` tell whether arguments and results are recorded, `ignore` names tasks
    that get no steps.
    """
    uninstall()
    app = getattr(app, "_get_current_object", lambda: app)()  # `celery.current_app` stands for one
    for signal, receiver in _receivers(Options(app, capture_args, capture_result, frozenset({*ignore, CHORD_UNLOCK}))):
        signal.connect(receiver, weak=False, dispatch_uid=_UID)
    atexit.register(give_up_publish)  # before the tracer's own hook, which is older: the latest come first


def uninstall() -> None:
    """Record no more of Celery."""
    for signal, _ in _receivers(Options()):
        signal.disconnect(dispatch_uid=_UID)
    _soft_limit.unwatch()
    atexit.unregister(give_up_publish)


def _receivers(options: Options) -> Iterable[tuple[Any, Callable[..., None]]]:
    received = Received(options)
    publisher = Publisher(options, received)
    runner = Runner(options, received, _soft_limit)
    ending = Ending(options, received, runner)
    return (
        (signals.before_task_publish, publisher.before),
        (signals.after_task_publish, publisher.after),
        (signals.task_received, received.receive),
        (signals.task_prerun, runner.before),
        (signals.task_postrun, runner.after),
        (signals.task_failure, ending.fail),
        (signals.task_revoked, ending.revoke),
        (signals.task_retry, ending.retry),
        (signals.task_unknown, ending.refuse),
        (signals.task_rejected, ending.refuse),
        (signals.worker_process_init, received.clear),
        (signals.worker_process_shutdown, _leave),
    )


def _leave(**_: object) -> None:
    """Send what a child has: it leaves through `os._exit`, past the interpreter's own hooks."""
    with guarded("sending what a child process has recorded"):
        xray.shutdown(_EXIT_SECONDS)
