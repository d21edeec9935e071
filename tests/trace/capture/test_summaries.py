"""Summaries are those of the wire contract: what can be queried without opening the value."""

import collections
import enum
from typing import Any

import msgspec
import pytest

from xray_trace.capture.capturer import Capturer
from xray_trace.config import DEFAULT_REDACTED_NAMES

CAPTURER = Capturer(DEFAULT_REDACTED_NAMES)


class Level(enum.IntEnum):
    HIGH = 3


class Basket(list[int]):
    def __len__(self) -> int:
        raise AssertionError("asked")


class Opaque:
    pass


NAME = __name__


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], {"type": "list", "length": 0, "bytes": 2}),
        ({}, {"type": "dict", "length": 0, "bytes": 2}),
        ({"a": 1}, {"type": "dict", "length": 1, "bytes": 7}),
        ((1, 2), {"type": "tuple", "length": 2, "bytes": 5}),
        ({1}, {"type": "set", "length": 1, "bytes": 3}),
        ("Outdoor", {"type": "str", "length": 7, "bytes": 9, "value": "Outdoor"}),
        ("é", {"type": "str", "length": 1, "bytes": 4, "value": "é"}),
        ("x" * 64, {"type": "str", "length": 64, "bytes": 66, "value": "x" * 64}),
        ("x" * 65, {"type": "str", "length": 65, "bytes": 67}),
        ("x" * 20_000, {"type": "str", "length": 20_000, "bytes": 20_000}),
        (b"abc", {"type": "bytes", "length": 3, "bytes": 3}),
        (bytearray(b"abc"), {"type": "bytearray", "length": 3, "bytes": 3}),
        (None, {"type": "NoneType", "bytes": 4, "value": None}),
        (True, {"type": "bool", "bytes": 4, "value": True}),
        (5, {"type": "int", "bytes": 1, "value": 5}),
        (2.5, {"type": "float", "bytes": 3, "value": 2.5}),
        (float("nan"), {"type": "float", "bytes": 5, "value": "NaN"}),
        (float("-inf"), {"type": "float", "bytes": 11, "value": "-Infinity"}),
        (2**63, {"type": "int", "bytes": 21, "value": str(2**63)}),
        (2**63 - 1, {"type": "int", "bytes": 19, "value": 2**63 - 1}),
        (Level.HIGH, {"type": f"{NAME}.Level", "bytes": 1, "value": 3}),
        (Basket([1, 2]), {"type": f"{NAME}.Basket", "length": 2, "bytes": 5}),
        (collections.deque([1]), {"type": "collections.deque", "length": 1, "bytes": 3}),
        (range(3), {"type": "range", "length": 3, "bytes": 13, "value": "range(0, 3)"}),
    ],
)
def test_a_summary_tells_type_bytes_length_and_short_values(value: object, expected: dict[str, Any]) -> None:
    captured = CAPTURER.capture("value", value)
    summary = msgspec.json.decode(captured.summary)
    assert summary == expected
    assert summary["bytes"] == len(captured.body or b"")


def test_a_description_has_a_type_and_no_length() -> None:
    captured = CAPTURER.capture("value", Opaque())
    assert msgspec.json.decode(captured.summary) == {"type": f"{NAME}.Opaque", "bytes": len(captured.body or b"")}


def test_a_masked_string_shows_the_mask_in_the_place_of_its_value() -> None:
    captured = CAPTURER.capture("api_key", "sk-123")
    assert msgspec.json.decode(captured.summary) == {"type": "str", "bytes": 12, "length": 10, "value": "[redacted]"}
