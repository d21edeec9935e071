"""What a signal handler of the program's raises reaches the program, though it strikes in a callback of ours."""

import itertools
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import xray_langchain
from langchain_core.runnables import RunnableLambda
from xray_langchain.open_runs import OPEN_RUNS

from tests.langchain.told import call, model
from xray_trace.testing import MemoryTracer

OURS = str(Path(xray_langchain.__file__).parent)


class OutOfTimeError(Exception):
    """As Celery's soft time limit is."""


def _raise(*_: object) -> None:
    raise OutOfTimeError


class Strike:
    """Sends the signal as the line of this number of ours is about to run."""

    def __init__(self, number: int) -> None:
        self._left = number
        self.has_struck = False

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event == "line":
            self._left -= 1
            if self._left == 0:
                self.has_struck = True
                signal.raise_signal(signal.SIGUSR1)
        return self


@pytest.fixture
def _out_of_time() -> Iterator[None]:
    former = signal.signal(signal.SIGUSR1, _raise)
    yield
    signal.signal(signal.SIGUSR1, former)


def run_struck_at(number: int) -> bool:
    """Run a chain that is struck at this line; return whether there was one."""
    chain = RunnableLambda(lambda asked: asked, name="first") | model(call("weather", city="Lima"))
    strike, tracing = Strike(number), sys.gettrace()
    reached = False
    sys.settrace(strike)
    try:
        chain.invoke("weather?")
    except OutOfTimeError:
        reached = True
    finally:
        sys.settrace(tracing)
    assert reached == strike.has_struck
    return strike.has_struck


@pytest.mark.usefixtures("_out_of_time", "installed")
def test_wherever_it_strikes_it_reaches_the_program_and_the_runs_end_with_their_root(recorder: MemoryTracer) -> None:
    struck = list(itertools.takewhile(run_struck_at, itertools.count(1)))
    assert len(struck) > 100
    assert len(OPEN_RUNS) <= 5  # roots alone, struck before their end was heard, as may be before we are called
    assert len(OPEN_RUNS) == len(OPEN_RUNS.roots)
    for run_id in [root.run_id for root in OPEN_RUNS.roots]:
        OPEN_RUNS.end(run_id)
    # Python 3.12 lets a signal in as a call returns, with the step that was begun in nobody's hands; it is let go then
    assert len(recorder.recorder.core.running._young_steps) <= 3


@pytest.mark.usefixtures("_out_of_time", "installed")
async def test_in_an_async_run_it_reaches_the_program(recorder: MemoryTracer) -> None:
    sys.settrace(Strike(20))
    try:
        with pytest.raises(OutOfTimeError):
            await RunnableLambda(lambda asked: asked).ainvoke("weather?")
    finally:
        sys.settrace(None)
