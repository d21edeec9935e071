"""A value too large for the caller's thread is put off, and says so; one that cannot change is never marked late."""

import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy
import pandas
import pytest

from xray_trace.capture.capturer import Capturer
from xray_trace.config import DEFAULT_REDACTED_NAMES

CAPTURER = Capturer(DEFAULT_REDACTED_NAMES)
Pair = namedtuple("Pair", ["left", "right"])


class Opaque:
    def __init__(self) -> None:
        self.items = [1j] * 20_000


@dataclass(frozen=True)
class Frozen:
    rows: tuple[complex, ...]


CHANGEABLE: dict[str, tuple[Callable[[], Any], int | None]] = {
    "many numbers": (lambda: list(range(200_000)), 200_000),
    "many dicts": (lambda: [{"id": n, "name": "n"} for n in range(60_000)], 60_000),
    "a dict of much text": (lambda: {f"k{n}": "x" * 100_000 for n in range(60)}, 60),
    "a tuple that holds a list": (lambda: ([1] * 200_000,), 1),
    "a slow one": (lambda: [1j] * 20_000, 20_000),
    "a bytearray": (lambda: bytearray(5_000_000), 5_000_000),
    "an object": (Opaque, None),
    "a wide frame": (lambda: pandas.DataFrame([[0] * 1_000]), 1),
    "an array": (lambda: numpy.arange(1_000_000.0), 1_000_000),
    "an array by columns": (lambda: numpy.asfortranarray(numpy.arange(1_200_000.0).reshape(600_000, 2)), 600_000),
    "an array seen from the back": (lambda: numpy.arange(1_000_000.0)[::-1], 1_000_000),
    "an array of texts": (lambda: numpy.array(["text", "more"] * 300_000), 600_000),
    "an array of records": (lambda: numpy.zeros(600_000, [("id", "i8"), ("token", "S4")]), 600_000),
}


@pytest.mark.parametrize("kind", CHANGEABLE)
def test_what_is_large_and_may_change_is_put_off_and_marked(kind: str) -> None:
    make, length = CHANGEABLE[kind]
    value = make()
    captured = CAPTURER.capture("value", value)
    assert captured.body is None
    assert captured.late is not None
    told = msgspec.json.decode(captured.summary)
    assert told.pop("type")
    assert told == {"late": True} if length is None else {"length": length, "late": True}


@pytest.mark.parametrize("kind", CHANGEABLE)
def test_the_work_put_off_gives_what_encoding_at_once_gives_and_the_mark(kind: str) -> None:
    make, _ = CHANGEABLE[kind]
    value = make()
    captured = CAPTURER.capture("value", value)
    assert captured.late is not None
    content_type, chunks = captured.late()
    at_once = CAPTURER.capture("value", value, always=True)
    assert at_once.late is None
    assert (content_type, b"".join(chunks)) == (at_once.content_type, at_once.body)
    assert content_type == captured.content_type


def test_a_late_value_is_complete_and_masked() -> None:
    rows = [{"id": n, "password": "hunter2"} for n in range(60_000)]
    captured = CAPTURER.capture("value", rows)
    assert captured.late is not None
    told = msgspec.json.decode(b"".join(captured.late().chunks))
    assert told == [{"id": n, "password": "[redacted]"} for n in range(60_000)]


@pytest.mark.parametrize(
    "value",
    [
        tuple(range(200_000)),
        frozenset(range(200_000)),
        Pair(tuple(range(200_000)), ("x",) * 5),
        (((1, 2.5, None, "x", b"y"),) * 10, ("t" * 5_000_000,)),
        Frozen((1j,) * 20_000),
    ],
)
def test_a_value_that_cannot_change_is_never_marked_late(value: Any) -> None:
    captured = CAPTURER.capture("value", value)
    assert b'"late"' not in captured.summary
    body = captured.body
    if captured.late is not None:
        body = b"".join(captured.late().chunks)
    assert body == CAPTURER.capture("value", value, always=True).body


@pytest.mark.parametrize("value", ["x" * 20_000_000, b"x" * 20_000_000])
def test_text_and_bytes_of_any_size_are_taken_at_once_as_they_are(value: str | bytes) -> None:
    captured = CAPTURER.capture("value", value)
    assert captured.late is None
    assert captured.body == (value.encode() if isinstance(value, str) else value)
    assert captured.content_type == (
        "text/plain; charset=utf-8" if isinstance(value, str) else "application/octet-stream"
    )


def test_what_a_million_values_share_does_not_escape_the_budget() -> None:
    value: Any = "x" * 100
    for _ in range(30):
        value = [value] * 10  # 10 to the power of 30 nodes in a few bytes
    captured = CAPTURER.capture("value", value)
    assert captured.body is None
    assert b'"late":true' in captured.summary


HOLDS_ITSELF_TWICE = """
import resource
from xray_trace.capture.capturer import Capturer

resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
items = [1]
items += [items, {"back": items}]
print(Capturer(()).capture("value", items, always=True).body.decode())
"""


def test_a_value_that_holds_itself_twice_ends_though_it_is_wanted_at_once() -> None:
    program = [sys.executable, "-c", HOLDS_ITSELF_TWICE]
    ended = subprocess.run(program, check=True, capture_output=True, text=True, timeout=60)
    assert ended.stdout == '[1,"[cycle: list]",{"back":"[cycle: list]"}]\n'
