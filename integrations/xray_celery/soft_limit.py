"""SoftLimit: has a soft time limit that strikes inside our code raised once that is left.

The pool raises `SoftTimeLimitExceeded` in a signal handler, wherever the task's thread is. Inside a receiver of a
Celery signal it would be swallowed, with half of the receiver's work done: `Signal.send` catches whatever a receiver
raises. So the handler looks where it strikes, which costs nothing until then, and has itself called again outside.
"""

import _signal  # type: ignore[import-not-found] # `signal.getsignal` looks each answer up in an enumeration, in vain
import _thread
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from billiard import pool
from celery.signals import task_postrun
from celery.utils.dispatch import Signal

from xray_celery.frames import outward

__all__ = ["SoftLimit"]

_LOOK_SECONDS = 0.005  # twice as long, and a run that was being begun has come to the task's own code
_ARRIVAL_SECONDS = 1.0  # a signal to a thread of the same process takes microseconds
_SEND = Signal.send.__code__


class SoftLimit:
    """Stands in for the pool's signal handler in a child process."""

    def __init__(self) -> None:
        self._is_put_off = False
        self._is_on_its_way = False
        self._is_over = False
        self._sending = threading.Lock()

    def watch(self) -> None:
        """Take the place of the pool's own handler; in the thread that runs tasks, before each."""
        self._is_over = False
        number = pool.SIG_SOFT_TIMEOUT
        if number is not None and _signal.getsignal(number) is pool.soft_timeout_sighandler:
            signal.signal(number, self._strike)

    def unwatch(self) -> None:
        """Give the pool its handler back."""
        number = pool.SIG_SOFT_TIMEOUT
        if number is not None and _signal.getsignal(number) == self._strike:
            signal.signal(number, pool.soft_timeout_sighandler)

    def forget(self) -> None:
        """Let a limit go that struck in our code after the task's own was over; the next task must not have it."""
        self._is_over = True
        if not (self._is_put_off or self._is_on_its_way):
            return
        with self._sending:
            self._is_put_off = False
        deadline = time.monotonic() + _ARRIVAL_SECONDS
        while self._is_on_its_way and time.monotonic() < deadline:
            time.sleep(0)  # it arrives here, and is put off once more
        self._is_put_off = False

    def _strike(self, number: int, frame: FrameType | None) -> None:
        self._is_on_its_way = False
        struck = _signal_with_our_receiver(frame)
        if struck is None:
            pool.soft_timeout_sighandler(number, frame)
        if not (self._is_put_off or (self._is_over and struck is task_postrun)):
            self._is_put_off = True
            # not by `threading`, in whose locks it may have struck
            _thread.start_new_thread(self._strike_later, (number, threading.get_ident()))

    def _strike_later(self, number: int, thread_id: int) -> None:
        was_outside = False
        while self._is_put_off:
            time.sleep(_LOOK_SECONDS)
            is_outside = _is_outside(thread_id)
            if is_outside and was_outside:
                self._strike_outside(number, thread_id)
            was_outside = is_outside

    def _strike_outside(self, number: int, thread_id: int) -> None:
        with self._sending:  # so that the task does not end unnoticed between the look and the signal
            if self._is_put_off and _is_outside(thread_id):
                self._is_put_off, self._is_on_its_way = False, True
                signal.pthread_kill(thread_id, number)  # to that thread, which may be asleep


def _is_outside(thread_id: int) -> bool:
    return _signal_with_our_receiver(sys._current_frames().get(thread_id)) is None


def _signal_with_our_receiver(frame: FrameType | None) -> Any:
    """Return Celery's signal that a receiver of ours has just been given, if the frame is within that."""
    for around in outward(frame):
        if around.f_code is _SEND and _is_ours(around.f_locals.get("receiver")):
            return around.f_locals["self"]
    return None


def _is_ours(receiver: Any) -> bool:
    return str(getattr(receiver, "__module__", "")).startswith("xray_celery.")
