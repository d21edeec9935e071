"""Circuit: whether anything may go to a server now; one for all that is sent there."""

import asyncio
import enum
from collections.abc import Awaitable, Callable
from typing import Protocol

from xray_trace.export.answer import Answer, Decision, Outcome
from xray_trace.export.backoff import Backoff

__all__ = ["Circuit", "State", "Timers"]

PROBE_SECONDS = 30.0  # the longest rest of our own choice, and the longest that a flush waits along with
UNAUTHORIZED_SECONDS = 60.0  # a key is seldom mended in less, and every question costs the server a look-up


class State(enum.Enum):
    """What may go."""

    CLOSED = "closed"
    """All."""
    RESTING = "resting"
    """Nothing for a moment after a failure; a flush waits along."""
    OPEN = "open"
    """Nothing for some time: it failed too often, or was told to wait; a flush does not wait for that."""
    PROBING = "probing"
    """One, to find out; the others wait for what it finds."""


class Cancellable(Protocol):
    """What starting a timer gives back."""

    def cancel(self) -> None:
        """Let the timer do nothing."""


class Timers(Protocol):
    """The clock that rests are measured by: an event loop's, which no change of the wall clock moves."""

    def time(self) -> float:
        """Return the seconds since some moment."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Cancellable:
        """Have the callback run after so many seconds."""


class Circuit:
    """Lets attempts go side by side as long as they succeed, and one at a time once one has failed.

    So a server that is away is asked by one, at growing intervals, and not by each item for itself. An answer
    to what went out before the last failure tells no more than that failure did, and is not counted again.
    """

    def __init__(
        self,
        name: str,
        max_attempts: int,
        report: Callable[[str], None],
        backoff: Backoff,
        timers: Timers | None = None,
    ) -> None:
        self._name = name
        self._max_attempts = max_attempts
        self._report = report
        self._backoff = backoff
        self._timers: Timers = timers or asyncio.get_running_loop()
        self._state = State.CLOSED
        self._failures = 0
        self._round = 0
        self._probe_is_out = False
        self._is_told = False
        self._until = 0.0
        self._timer: Cancellable | None = None
        self._changed = asyncio.Event()
        self.stalled = asyncio.Event()
        """Set while the circuit is open: trying at once again makes no sense."""

    def __repr__(self) -> str:
        return f"<Circuit to {self._name}: {self._state.value}, failures: {self._failures}>"

    async def attempt(self, action: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Run the action once its turn has come, and learn from its outcome."""
        sent_in = await self._turn()
        try:
            outcome = await action()
        except BaseException:
            self._forget_probe(sent_in)
            raise
        self._learn(outcome, sent_in)
        return outcome

    def kick(self) -> None:
        """Let one go now, unless the server asked for the rest: somebody wants to know whether it is back."""
        if self._state is State.OPEN and not self._is_told:
            self._become(State.PROBING)

    async def _turn(self) -> int:
        while not (self._state is State.CLOSED or (self._state is State.PROBING and not self._probe_is_out)):
            self._changed.clear()
            await self._changed.wait()
        self._probe_is_out = self._state is State.PROBING
        return self._round

    def _forget_probe(self, sent_in: int) -> None:
        if sent_in == self._round and self._probe_is_out:
            self._become(State.PROBING)

    def _learn(self, outcome: Outcome, sent_in: int) -> None:
        answer = outcome.answer
        if outcome.decision is Decision.PAUSE:
            if sent_in == self._round:
                self._report(f"{self._name} does not accept the API key ({answer.describe()}); all is kept")
                self._become(State.OPEN, UNAUTHORIZED_SECONDS)
        elif outcome.decision is Decision.RETRY:
            if sent_in == self._round or answer.retry_after_seconds is not None:
                self._fail(answer, counts=sent_in == self._round)
        elif not self._is_told:
            self._recover()

    def _recover(self) -> None:
        self._failures = 0
        if self._state is not State.CLOSED:
            self._become(State.CLOSED)

    def _fail(self, answer: Answer, *, counts: bool) -> None:
        self._failures += counts
        asked = answer.retry_after_seconds
        seconds = self._backoff.delay_seconds(max(1, self._failures)) if asked is None else asked
        is_away = self._failures >= self._max_attempts
        if is_away:
            self._report(f"{self._name} cannot be used: {answer.describe()}; all is kept, and tried again later")
            seconds = max(seconds, self._backoff.delay_seconds(self._failures))  # a server may ask for no rest at all
        if self._is_told:
            seconds = max(seconds, self._until - self._timers.time())  # of two wishes of the server's the longer holds
        is_long = is_away or seconds > PROBE_SECONDS
        self._become(State.OPEN if is_long else State.RESTING, seconds, is_told=asked is not None)

    def _become(self, state: State, seconds: float = 0.0, *, is_told: bool = False) -> None:
        """Go over to another state: the one place where this happens."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._state = state
        self._round += 1
        self._probe_is_out = False
        self._is_told = is_told
        if state is State.OPEN:
            self.stalled.set()
        else:
            self.stalled.clear()
        if state in (State.OPEN, State.RESTING):
            self._until = self._timers.time() + seconds
            self._timer = self._timers.call_later(seconds, lambda: self._become(State.PROBING))
        self._changed.set()
