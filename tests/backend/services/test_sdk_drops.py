"""What processes say that they lost is counted once, under few names, whatever comes."""

import json
import random
import re
import threading
from typing import Any

import pytest

from xray_backend.metrics import Metrics
from xray_backend.services.sdk_drops import HEADER_BYTES, REASONS, SdkDrops

PROCESS = "0123456789abcdef" * 2


def header(process: str = PROCESS, **dropped: int) -> str:
    return json.dumps({"process": process, "dropped": {name.replace("_", " "): n for name, n in dropped.items()}})


def shown(metrics: Metrics) -> dict[str, float]:
    found = re.findall(
        r'^xray_sdk_dropped_items_total\{reason="(.*)"\} (\S+)$', metrics.render().decode(), re.MULTILINE
    )
    return {reason: float(count) for reason, count in found}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def drops(metrics: Metrics) -> SdkDrops:
    return SdkDrops(metrics, processes=3)


def test_only_what_is_new_since_the_last_header_is_added(drops: SdkDrops, metrics: Metrics) -> None:
    for sent in (header(full=3), header(full=3), header(full=5, gone=1), header(gone=1), header(full=6, gone=1)):
        drops.note("p", sent)
    assert shown(metrics) == {"full": 6, "gone": 1}


def test_headers_that_overtake_each_other_count_nothing_twice(drops: SdkDrops, metrics: Metrics) -> None:
    sent = [header(full=n, gone=n // 2) for n in range(1, 50)]
    random.Random(4).shuffle(sent)
    for one in sent:
        drops.note("p", one)
    assert shown(metrics) == {"full": 49, "gone": 24}


def test_processes_and_projects_are_counted_apart(drops: SdkDrops, metrics: Metrics) -> None:
    for _ in range(2):
        drops.note("p", header(full=3))
        drops.note("q", header(full=3))
        drops.note("p", header("f" * 32, full=4))
    assert shown(metrics) == {"full": 10}


def test_threads_that_say_the_same_at_once_count_it_once(metrics: Metrics) -> None:
    drops = SdkDrops(metrics)
    begin = threading.Barrier(8)

    def say() -> None:
        begin.wait(30)
        for n in range(1, 200):
            drops.note("p", header(full=n))

    threads = [threading.Thread(target=say) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert shown(metrics) == {"full": 199}


def test_the_process_that_was_silent_longest_is_forgotten_first(drops: SdkDrops, metrics: Metrics) -> None:
    for digit in "abc":
        drops.note("p", header(digit * 32, full=1))
    drops.note("p", header("a" * 32, full=1))
    for number in range(100):
        drops.note("p", header(f"{number:032}"))  # they lost nothing, and take nobody's place
    drops.note("p", header("d" * 32, full=1))
    assert shown(metrics) == {"full": 4}
    drops.note("p", header("a" * 32, full=1))
    assert shown(metrics) == {"full": 4}
    drops.note("p", header("b" * 32, full=1))
    assert shown(metrics) == {"full": 5}


def test_reasons_stay_few_and_the_rest_is_other(drops: SdkDrops, metrics: Metrics) -> None:
    names = [f"reason {chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(REASONS + 5)]
    for name in names:
        for _ in range(2):
            drops.note("p", header(**{name: 2}))
    drops.note("p", header("f" * 32, **{names[0]: 1, names[-1]: 4, names[-2]: 5}))
    expected = dict.fromkeys(names[:REASONS], 2.0) | {names[0]: 3.0}
    assert {reason: count for reason, count in shown(metrics).items() if reason != "other"} == expected
    assert shown(metrics)["other"] == 2 + 9


@pytest.mark.parametrize("reason", ["", "a" * 81, "Upper", "7", 'a"b', "a\nb", "a-b", "{x}", "é"])
def test_a_reason_that_is_none_is_other(drops: SdkDrops, metrics: Metrics, reason: str) -> None:
    drops.note("p", header(**{reason: 2, "the spool's limit": 3}))
    assert shown(metrics) == {"other": 2, "the spool's limit": 3}


MALFORMED: dict[str, Any] = {
    "nothing": None,
    "empty": "",
    "no JSON": "{",
    "a list": "[]",
    "a number": "5",
    "no process": '{"dropped":{"full":1}}',
    "a short process": header("ab", full=1),
    "a long process": header("a" * 33, full=1),
    "a process in upper case": header("A" * 32, full=1),
    "a process with a line break": header("a" * 32 + "\n", full=1),
    "no counts": json.dumps({"process": PROCESS}),
    "counts in a list": json.dumps({"process": PROCESS, "dropped": [1]}),
    "a negative count": header(full=-1),
    "a huge count": header(full=2**53 + 1),
    "a count as text": json.dumps({"process": PROCESS, "dropped": {"full": "1"}}),
    "a fraction": json.dumps({"process": PROCESS, "dropped": {"full": 1.5}}),
    "true": json.dumps({"process": PROCESS, "dropped": {"full": True}}),
    "null": json.dumps({"process": PROCESS, "dropped": {"full": None}}),
    "not finite": json.dumps({"process": PROCESS, "dropped": {"full": float("nan")}}),
    "no ASCII": json.dumps({"process": PROCESS, "dropped": {"é": 1}}, ensure_ascii=False),
    "two in one": f"{header(full=1)}, {header(full=1)}",
    "too long": header(full=1).ljust(HEADER_BYTES + 1),
    "very deep": "[" * HEADER_BYTES,
    "one bad count among good ones": header(full=1, gone=-1),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_is_ignored(drops: SdkDrops, metrics: Metrics, name: str) -> None:
    drops.note("p", MALFORMED[name])
    assert shown(metrics) == {}
    drops.note("p", header(full=1).ljust(HEADER_BYTES))
    assert shown(metrics) == {"full": 1}
