import asyncio
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from xray_trace.export.answer import Answer, Decision, classify_ingest, classify_presign, classify_put
from xray_trace.export.backoff import Backoff, retry_after_seconds
from xray_trace.export.pace import Outcome, Pace, Rests

DONE = Outcome(Decision.DONE, Answer(200))
FAILED = Outcome(Decision.RETRY, Answer(500))
UNKNOWN_KEY = Outcome(Decision.PAUSE, Answer(401))


async def rests_between(*outcomes: Outcome, attempts: int = 5, settles: int = 1) -> tuple[list[float], list[Outcome]]:
    """The sleeps of a pace that meets these outcomes in turn, and what it returned each time."""
    slept: list[float] = []
    script = iter(outcomes)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def attempt() -> Outcome:
        return next(script)

    pace = Pace(attempts, Rests(sleep), lambda line: None, Backoff(random=lambda: 0.5))
    return slept, [await pace.settle(attempt) for _ in range(settles)]


async def test_what_succeeds_at_once_never_rests():
    assert await rests_between(DONE) == ([], [DONE])


async def test_the_time_between_attempts_doubles_then_a_probe_follows():
    slept, settled = await rests_between(*[FAILED] * 5)
    assert slept == [0.25, 0.5, 1.0, 2.0, 30.0]
    assert settled == [FAILED]


async def test_after_giving_up_one_attempt_a_probe_is_made_until_something_is_taken():
    slept, settled = await rests_between(*[FAILED] * 5, FAILED, FAILED, DONE, FAILED, DONE, settles=5)
    assert slept == [0.25, 0.5, 1.0, 2.0, 30.0, 30.0, 30.0, 0.25]
    assert settled == [FAILED, FAILED, FAILED, DONE, DONE]


async def test_jitter_takes_any_time_up_to_a_bound_that_is_capped():
    low, high = Backoff(random=lambda: 0.0), Backoff(random=lambda: 1.0)
    assert [low.delay_seconds(failures) for failures in (1, 5)] == [0, 0]
    assert [high.delay_seconds(failures) for failures in (1, 2, 3, 7, 50)] == [0.5, 1, 2, 30, 30]


async def test_what_the_server_asks_for_is_waited_for():
    busy = Outcome(Decision.RETRY, Answer(429, retry_after_seconds=7.0))
    assert (await rests_between(busy, FAILED, DONE))[0] == [7.0, 0.5]


async def test_an_unknown_key_is_asked_for_again_every_minute_and_costs_no_attempt():
    slept, settled = await rests_between(*[UNKNOWN_KEY] * 7, DONE)
    assert slept == [60.0] * 7
    assert settled == [DONE]


async def test_a_kick_ends_a_stalled_rest_but_not_one_the_server_asked_for():
    rests = Rests(lambda seconds: asyncio.sleep(3600))
    stalled = asyncio.create_task(rests.rest_stalled(30))
    await rests.stalled.wait()
    rests.kick()
    await asyncio.wait_for(stalled, 10)
    told = asyncio.create_task(rests.rest_as_told(31))
    await rests.stalled.wait()
    rests.kick()
    assert rests.stalled.is_set()
    assert not told.done()
    told.cancel()


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
