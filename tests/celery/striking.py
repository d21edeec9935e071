"""The program under test with a soft time limit that strikes inside what records a task, at a line of our choice.

The pool sends the signal at a time of its own; here it comes from the trace function of the interpreter, in the thread
that runs the task, as a function of the integration or the SDK begins.
"""

import os
import signal
import sys
import time
from types import FrameType

from celery.exceptions import SoftTimeLimitExceeded

from tests.celery import pipeline

app = pipeline.app

_armed: list[str] = []


def _strike(frame: FrameType, event: str, argument: object) -> None:
    if _armed and f"{event} {frame.f_globals.get('__name__')}.{frame.f_code.co_name}" == _armed[0]:
        _armed.clear()
        sys.setprofile(None)  # else it may be struck itself, as it looks into a destructor that lets nothing out
        os.kill(os.getpid(), signal.SIGUSR1)


def strike_in(place: str) -> None:
    """Have the soft limit's signal come as the next call of this function begins (`call …`) or ends (`return …`)."""
    _armed[:] = [place]
    sys.setprofile(_strike)


@app.task(name="tests.arm")
def arm(place: str) -> int:
    """Have it strike in what records the next task of this process."""
    strike_in(place)
    return os.getpid()


@app.task(name="tests.struck_before")
def struck_before(label: str) -> str:
    """Be struck as the run is recorded, before this begins."""
    return _wait()


@app.task(name="tests.struck_as_it_publishes")
def struck_as_it_publishes(place: str) -> str:
    strike_in(place)
    try:
        pipeline.add.delay(1, 2)
        time.sleep(5)
    except SoftTimeLimitExceeded:
        return "reached"
    return "missed"


@app.task(name="tests.struck_at_its_end")
def struck_at_its_end(place: str) -> str:
    strike_in(place)
    return "returned"


@app.task(name="tests.not_struck")
def not_struck() -> str:
    time.sleep(0.3)
    return "undisturbed"


def _wait() -> str:
    try:
        time.sleep(5)
    except SoftTimeLimitExceeded:
        return "reached"
    return "missed"
