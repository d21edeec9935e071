"""Pace: attempts, and the rests between them, for all that is sent to one server."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from xray_trace.export.answer import Answer, Decision
from xray_trace.export.backoff import Backoff

__all__ = ["Outcome", "Pace", "Rests"]

PROBE_SECONDS = 30.0  # after giving up: as often as a living process looks for what the dead left
UNAUTHORIZED_SECONDS = 60.0  # a key is seldom mended in less, and every question costs the server a look-up


class Outcome(NamedTuple):
    """What an attempt came to; `answer` is the last one heard."""

    decision: Decision
    answer: Answer


class Rests:
    """Waiting that a flush can cut short."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]] | None = None) -> None:
        self._sleep = sleep
        self._kicked = asyncio.Event()
        self.stalled = asyncio.Event()
        """Set while sending rests because trying at once again makes no sense."""

    async def rest(self, seconds: float, *, stalled: bool = False) -> None:
        """Wait; a stalled rest ends early when somebody kicks."""
        if not stalled:
            await (self._sleep or asyncio.sleep)(seconds)
            return
        self._kicked.clear()
        self.stalled.set()
        if self._sleep is not None:
            await self._sleep(seconds)
            return
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._kicked.wait(), seconds)

    def kick(self) -> None:
        """End stalled rests now: somebody wants to know whether the server is back."""
        self.stalled.clear()
        self._kicked.set()


class Pace:
    """Repeats an attempt until it is decided, or has failed too often; what fails too often waits.

    Having given up once, it makes one attempt a probe until the server takes something again.
    """

    def __init__(self, max_attempts: int, rests: Rests, report: Callable[[str], None], backoff: Backoff) -> None:
        self._max_attempts = max_attempts
        self._rests = rests
        self._report = report
        self._backoff = backoff
        self._is_down = False

    async def settle(self, attempt: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Return the outcome that decides, or RETRY after the last attempt and a rest."""
        failures = 0
        while True:
            outcome = await attempt()
            if outcome.decision is Decision.PAUSE:
                self._report(f"the server does not accept the API key ({outcome.answer.describe()}); all is kept")
                await self._rests.rest(UNAUTHORIZED_SECONDS, stalled=True)
                continue
            if outcome.decision is not Decision.RETRY:
                self._recover()
                return outcome
            failures += 1
            if self._is_down or failures >= self._max_attempts:
                await self._give_up(outcome.answer)
                return outcome
            wait = outcome.answer.retry_after_seconds
            await self._rests.rest(self._backoff.delay_seconds(failures, wait))

    async def _give_up(self, answer: Answer) -> None:
        self._is_down = True
        self._report(f"the server cannot be used: {answer.describe()}; all is kept, and tried again later")
        await self._rests.rest(max(PROBE_SECONDS, answer.retry_after_seconds or 0.0), stalled=True)

    def _recover(self) -> None:
        self._is_down = False
        self._rests.stalled.clear()
