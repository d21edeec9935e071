import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from xray_trace.export.answer import (
    Answer,
    Decision,
    Outcome,
    classify_complete,
    classify_ingest,
    classify_part,
    classify_presign,
    classify_presign_batch,
    classify_put,
    classify_resume,
)
from xray_trace.export.backoff import Backoff, retry_after_seconds
from xray_trace.export.circuit import Circuit, State

DONE = Outcome(Decision.DONE, Answer(200))
FAILED = Outcome(Decision.RETRY, Answer(500))
UNKNOWN_KEY = Outcome(Decision.PAUSE, Answer(401))


def told(seconds: float) -> Outcome:
    return Outcome(Decision.RETRY, Answer(429, retry_after_seconds=seconds))


class Timer:
    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Bench:
    """A circuit whose rests end when the test says so, and attempts whose outcomes the test decides."""

    def __init__(self, attempts: int = 5) -> None:
        self.rests: list[float] = []
        self.reports: list[str] = []
        self.circuit = Circuit("the server", attempts, self.reports.append, Backoff(random=lambda: 0.5), self)
        self.now = 0.0
        self.started: list[asyncio.Future[Outcome]] = []
        self._end_rest: Callable[[], None] = lambda: None
        self._timer = Timer()

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, action: Callable[[], None], /) -> Timer:
        self.rests.append(seconds)
        self._end_rest = action
        self._timer = Timer()
        return self._timer

    async def end_rest(self) -> None:
        if not self._timer.is_cancelled:
            self._timer.cancel()
            self._end_rest()
        await self.settle()

    async def start(self, count: int = 1) -> list["asyncio.Task[Outcome]"]:
        tasks = [asyncio.create_task(self.circuit.attempt(self._action)) for _ in range(count)]
        await self.settle()
        return tasks

    async def answer(self, outcome: Outcome) -> None:
        """Answer the attempt that has been out the longest."""
        self.started.pop(0).set_result(outcome)
        await self.settle()

    async def meet(self, *outcomes: Outcome) -> None:
        """Make one attempt after another, each when the rest before it is over."""
        for outcome in outcomes:
            await self.start()
            if not self.started:
                await self.end_rest()
            await self.answer(outcome)

    async def _action(self) -> Outcome:
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.started.append(answered)
        return await answered

    async def settle(self) -> None:
        for _ in range(10):  # turns of the loop, more than any of these tasks takes
            await asyncio.sleep(0)

    @property
    def state(self) -> State:
        return self.circuit._state


async def test_what_succeeds_never_rests_and_goes_side_by_side():
    bench = Bench()
    await bench.start(4)
    assert len(bench.started) == 4
    for _ in range(4):
        await bench.answer(DONE)
    assert (bench.rests, bench.state) == ([], State.CLOSED)


async def test_the_time_between_attempts_doubles_up_to_the_longest_rest():
    bench = Bench()
    await bench.meet(*[FAILED] * 9)
    assert bench.rests == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]


async def test_it_opens_after_as_many_failures_as_there_are_attempts():
    bench = Bench(attempts=3)
    await bench.meet(FAILED, FAILED)
    assert bench.state is State.RESTING
    assert not bench.circuit.stalled.is_set()
    await bench.meet(FAILED)
    assert bench.circuit.stalled.is_set()
    assert repr(bench.circuit) == "<Circuit to the server: open, failures: 3>"
    assert bench.reports == ["the server cannot be used: it answered 500; all is kept, and tried again later"]


async def test_failures_of_what_was_out_at_the_same_time_count_once():
    bench = Bench(attempts=3)
    await bench.start(4)
    for _ in range(4):
        await bench.answer(FAILED)
    assert (bench.rests, bench.state) == ([0.25], State.RESTING)


async def test_one_probe_at_a_time_goes_and_all_go_on_when_it_succeeds():
    bench = Bench(attempts=1)
    await bench.meet(FAILED)
    waiting = await bench.start(5)
    assert bench.started == []
    await bench.end_rest()
    assert len(bench.started) == 1
    await bench.answer(FAILED)
    assert bench.started == []
    await bench.end_rest()
    assert len(bench.started) == 1
    await bench.answer(DONE)
    assert (len(bench.started), bench.state) == (3, State.CLOSED)
    assert sum(task.done() for task in waiting) == 2


async def test_a_probe_that_is_given_up_lets_another_go():
    bench = Bench(attempts=1)
    await bench.meet(FAILED)
    first, second = await bench.start(2)
    await bench.end_rest()
    first.cancel()
    await bench.settle()
    assert not second.done()
    assert len(bench.started) == 2  # the first was cancelled, the second is out
    bench.started.pop(0)
    await bench.answer(DONE)
    assert second.result() is DONE


async def test_a_success_forgets_all_failures():
    bench = Bench(attempts=3)
    await bench.meet(FAILED, FAILED, DONE, FAILED, FAILED)
    assert (bench.rests, bench.state) == ([0.25, 0.5, 0.25, 0.5], State.RESTING)


async def test_what_the_server_asks_for_holds_for_all_and_nothing_ends_it_early():
    bench = Bench()
    await bench.start(3)
    await bench.answer(told(40.0))
    assert (bench.rests, bench.state) == ([40.0], State.OPEN)
    await bench.answer(DONE)  # what went out before
    bench.circuit.kick()
    await bench.start()
    assert (len(bench.started), bench.state) == (1, State.OPEN)
    await bench.answer(told(50.0))
    assert bench.rests == [40.0, 50.0]
    await bench.end_rest()
    assert (len(bench.started), bench.state) == (1, State.PROBING)


async def test_of_two_rests_that_the_server_asks_for_the_longer_holds():
    bench = Bench()
    await bench.start(2)
    await bench.answer(told(40.0))
    bench.now = 10.0
    await bench.answer(told(5.0))
    assert bench.rests == [40.0, 30.0]


async def test_a_short_rest_that_the_server_asks_for_is_waited_for_by_a_flush_too():
    bench = Bench()
    await bench.meet(told(7.0), FAILED, DONE)
    assert bench.rests == [7.0, 0.5]
    assert not bench.circuit.stalled.is_set()


async def test_a_server_that_asks_for_no_rest_gets_one_after_the_last_attempt():
    bench = Bench(attempts=2)
    await bench.meet(told(0.0), told(0.0), told(0.0))
    assert bench.rests == [0.0, 0.5, 1.0]


async def test_an_unknown_key_pauses_all_is_asked_for_every_minute_and_costs_no_attempt():
    bench = Bench(attempts=2)
    await bench.meet(*[UNKNOWN_KEY] * 7)
    assert bench.rests == [60.0] * 7
    assert repr(bench.circuit) == "<Circuit to the server: open, failures: 0>"
    await bench.meet(DONE)
    assert bench.state is State.CLOSED


async def test_a_kick_lets_one_go_at_once():
    bench = Bench(attempts=1)
    await bench.meet(FAILED)
    await bench.start(2)
    bench.circuit.kick()
    assert not bench.circuit.stalled.is_set()
    await bench.settle()
    assert len(bench.started) == 1
    bench.circuit.kick()
    await bench.settle()
    assert len(bench.started) == 1
    await bench.answer(FAILED)
    assert bench.circuit.stalled.is_set()


async def test_jitter_takes_any_time_up_to_a_bound_that_is_capped():
    low, high = Backoff(random=lambda: 0.0), Backoff(random=lambda: 1.0)
    assert [low.delay_seconds(failures) for failures in (1, 5)] == [0, 0]
    assert [high.delay_seconds(failures) for failures in (1, 2, 3, 7, 50)] == [0.5, 1, 2, 30, 30]


def test_retry_after_is_understood_in_both_forms_and_bounded():
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    date = format_datetime(now + timedelta(seconds=90), usegmt=True)
    found = [retry_after_seconds(text, now.timestamp()) for text in ("5", "0.5", date, "-3", "1e9", "inf")]
    assert found == [5, 0.5, 90, 0, 3600, 3600]


@pytest.mark.parametrize("text", [None, "", "soon", "nan", "Wed, 99 Foo 2026"])
def test_a_retry_after_that_says_nothing_is_ignored(text):
    assert retry_after_seconds(text, 0.0) is None


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        (Answer(200, b'{"success":true}'), Decision.DONE),
        (Answer(200, b'{"success":true,"rejected":[]}'), Decision.DONE),
        (Answer(200, b'{"success":"yes"}'), Decision.RETRY),
        (Answer(200, b"<html>log in</html>"), Decision.RETRY),
        (Answer(200, b""), Decision.RETRY),
        (Answer(200, b"[]"), Decision.RETRY),
        (Answer(204), Decision.RETRY),
        (Answer(302), Decision.RETRY),
        (Answer(400), Decision.REFUSE),
        (Answer(401), Decision.PAUSE),
        (Answer(403), Decision.PAUSE),
        (Answer(404), Decision.RETRY),
        (Answer(413), Decision.SPLIT),
        (Answer(429), Decision.RETRY),
        (Answer(503), Decision.RETRY),
        (Answer(0, problem="it could not be reached"), Decision.RETRY),
    ],
)
def test_only_what_is_clearly_the_servers_word_lets_go_of_a_batch(answer, decision):
    assert classify_ingest(answer) is decision


def test_a_refused_url_means_asking_for_another_not_that_the_key_is_wrong():
    assert classify_put(Answer(403)) is Decision.RETRY
    assert classify_put(Answer(409)) is Decision.DONE
    assert classify_put(Answer(413)) is Decision.REFUSE
    assert classify_presign(Answer(403)) is Decision.PAUSE
    assert classify_presign(Answer(413)) is Decision.REFUSE
    assert classify_presign(Answer(200, b'{"dataPath":"x"}')) is Decision.RETRY


@pytest.mark.parametrize(
    ("code", "decision"),
    [
        ("RequestTimeout", Decision.RETRY),
        ("IncompleteBody", Decision.RETRY),
        ("ExpiredToken", Decision.RETRY),
        ("XAmzContentSHA256Mismatch", Decision.REFUSE),
        ("EntityTooLarge", Decision.REFUSE),
    ],
)
def test_s3_refuses_with_400_what_it_never_takes_and_what_it_takes_another_time(code, decision):
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>…</Message></Error>'.encode()
    assert classify_put(Answer(400, body)) is decision
    assert classify_part(Answer(400, body)) is decision


def test_each_step_of_an_upload_in_parts_is_decided_by_itself():
    upload = Answer(200, b'{"upload":{"uploadId":"u","partSizeBytes":1,"parts":[]}}')
    assert classify_presign(upload) is Decision.DONE
    assert classify_resume(Answer(404)) is Decision.REFUSE
    assert classify_resume(Answer(500)) is Decision.RETRY
    assert classify_part(Answer(200)) is Decision.RETRY
    assert classify_part(Answer(200, etag='"e"')) is Decision.DONE
    assert classify_part(Answer(403)) is Decision.RETRY
    assert classify_complete(Answer(200, b'{"success":true}')) is Decision.DONE
    assert [classify_complete(Answer(status)) for status in (400, 404)] == [Decision.REFUSE] * 2
    assert [classify_complete(Answer(status)) for status in (200, 409, 503)] == [Decision.RETRY] * 3
    assert classify_presign_batch(Answer(200, b'{"items":[]}')) is Decision.DONE
    assert [classify_presign_batch(Answer(status)) for status in (400, 404, 405, 413)] == [Decision.REFUSE] * 4
    assert classify_presign_batch(Answer(401)) is Decision.PAUSE
