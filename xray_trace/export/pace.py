"""Pace: attempts, and the rests between them, for all that is sent to one server."""

import asyncio
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

    def __init__(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self._kicked = asyncio.Event()
        self._firm = 0
        self.stalled = asyncio.Event()
        """Set while sending rests because trying at once again makes no sense."""

    async def rest(self, seconds: float) -> None:
        """Wait between two attempts, while a flush waits along."""
        await self._sleep(seconds)

    async def rest_stalled(self, seconds: float) -> None:
        """Wait, while a flush does not; one that comes meanwhile ends the rest."""
        self._kicked.clear()
        self.stalled.set()
        waits = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._kicked.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def rest_as_told(self, seconds: float) -> None:
        """Wait as long as the server asked for, which nothing ends early; a flush waits along if it is short."""
        self._firm += 1
        if seconds > PROBE_SECONDS:
            self.stalled.set()
        try:
            await self._sleep(seconds)
        finally:
            self._firm -= 1

    def kick(self) -> None:
        """End stalled rests now: somebody wants to know whether the server is back."""
        if not self._firm:
            self.stalled.clear()
            self._kicked.set()

    def recover(self) -> None:
        """Note that the server took something."""
        if not self._firm:
            self.stalled.clear()


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
                await self._rests.rest_stalled(UNAUTHORIZED_SECONDS)
                continue
            if outcome.decision is not Decision.RETRY:
                self._is_down = False
                self._rests.recover()
                return outcome
            failures += 1
            if self._is_down or failures >= self._max_attempts:
                await self._give_up(outcome.answer)
                return outcome
            await self._rest(failures, outcome.answer)

    async def _rest(self, failures: int, answer: Answer) -> None:
        if answer.retry_after_seconds is not None:
            await self._rests.rest_as_told(answer.retry_after_seconds)
        else:
            await self._rests.rest(self._backoff.delay_seconds(failures))

    async def _give_up(self, answer: Answer) -> None:
        self._is_down = True
        self._report(f"the server cannot be used: {answer.describe()}; all is kept, and tried again later")
        if answer.retry_after_seconds is not None:
            await self._rests.rest_as_told(max(PROBE_SECONDS, answer.retry_after_seconds))
        else:
            await self._rests.rest_stalled(PROBE_SECONDS)
