"""A value of any size as JSON in small pieces: the same JSON as in one, and complete whatever the size."""

import collections
import datetime
import decimal
import enum
import tracemalloc
import types
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xray_backend.config import load_config as load_server_config
from xray_trace.capture import json_stream
from xray_trace.capture.json_codec import encode_json
from xray_trace.capture.json_stream import JsonStream
from xray_trace.capture.plain import Plainer
from xray_trace.capture.probe import Budget
from xray_trace.capture.redaction import MaskingFailed, Redaction
from xray_trace.config import DEFAULT_REDACTED_NAMES

REDACTION = Redaction(DEFAULT_REDACTED_NAMES)
NAMES = st.sampled_from(["a", "id", "password", "x-api-key", "1", "true", "é", "\ud800", "\\ud800"])


class Colour(enum.Enum):
    RED = "red"
    NUMBER = 7


class Place(NamedTuple):
    password: Any
    y: Any


@dataclass
class Row:
    token: Any
    rest: Any


class Opaque:
    def __init__(self, secret: Any, other: Any) -> None:
        self.secret = secret
        self.other = other


SINGLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**70, -(2**63)]),
    st.floats(),
    st.text(max_size=5),
    NAMES,
    st.binary(max_size=5),
    st.binary(max_size=5).map(bytearray),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([None, datetime.timezone.utc])),
    st.timedeltas(),
    st.decimals(),
    st.uuids(),
    st.complex_numbers(),
    st.sampled_from([Colour.RED, Colour.NUMBER, range(3), int, len, numpy.float32(1.5), numpy.arange(3)]),
)
KEYS = st.one_of(
    NAMES,
    st.integers(0, 3),
    st.sampled_from([None, 1.5, b"1", uuid.UUID(int=1), decimal.Decimal("1.0"), Colour.RED, (1, "b"), "[1,\"b\"]"]),
)  # fmt: skip


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=5)
    named = st.dictionaries(NAMES, inner, max_size=5)
    return st.one_of(
        lists,
        lists.map(tuple),
        lists.map(collections.deque),
        st.sets(st.integers() | NAMES, max_size=4),
        st.frozensets(NAMES, max_size=4),
        st.tuples(NAMES, inner).map(list),
        named,
        st.dictionaries(KEYS, inner, max_size=6),
        named.map(types.MappingProxyType),
        named.map(lambda names: names.items()),
        named.map(collections.OrderedDict),
        st.builds(Place, inner, inner),
        st.builds(Row, inner, inner),
        st.builds(Opaque, inner, inner),
        lists.map(lambda args: ValueError(*args)),
    )


VALUES = st.recursive(SINGLE, containers, max_leaves=25)
# As long as the longest of these texts: an exception's message leaves out what is too long for one step.
SMALL_STEPS = st.builds(Budget, nodes=st.integers(1, 12), text=st.integers(9, 40))


def streamed(value: Any, at_a_time: Budget | None = None, redaction: Redaction = REDACTION, name: str = "v") -> bytes:
    if at_a_time is None:
        return b"".join(JsonStream(redaction, name, value))
    return b"".join(JsonStream(redaction, name, value, at_a_time))


def at_once(value: Any, redaction: Redaction = REDACTION, name: str = "v") -> bytes:
    plainer = Plainer(redaction, Budget(nodes=2**40, text=2**40), stop_when_full=False)
    return encode_json(plainer.convert(name, value))


@settings(deadline=None, max_examples=250)
@given(value=VALUES, steps=SMALL_STEPS, name=st.sampled_from(["v", "password"]))
def test_in_pieces_it_is_the_json_that_it_is_at_once(value: Any, steps: Budget, name: str) -> None:
    assert streamed(value, steps, name=name) == at_once(value, name=name)
    assert streamed(value, name=name) == at_once(value, name=name)


@settings(deadline=None, max_examples=100)
@given(value=VALUES, steps=SMALL_STEPS)
def test_a_function_of_the_users_masks_the_same_pieces(value: Any, steps: Budget) -> None:
    redaction = Redaction(lambda name, found: name == "id" or type(found) is int)
    assert streamed(value, steps, redaction) == at_once(value, redaction)


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=()), max_size=300), steps=SMALL_STEPS)
def test_a_long_text_is_cut_nowhere(text: str, steps: Budget) -> None:
    assert streamed([text, {"k": text}], steps) == at_once([text, {"k": text}])
    assert streamed({"token": [text]}, steps) == at_once({"token": [text]})


@given(content=st.binary(max_size=300), steps=SMALL_STEPS)
def test_long_bytes_are_cut_nowhere(content: bytes, steps: Budget) -> None:
    assert streamed([content, bytearray(content)], steps) == at_once([content, bytearray(content)])


@pytest.mark.parametrize("length", range(398, 406))
def test_the_end_of_a_long_list_is_not_taken_for_a_name_and_its_value(length: int) -> None:
    value = [*range(length), "password", "no secret"]
    assert streamed(value, Budget(50, 100)) == at_once(value)
    assert b"no secret" in at_once(value)


def test_depth_and_cycles_end_as_they_do_at_once() -> None:
    cycle: list[Any] = [{"a": 1}]
    cycle[0]["back"] = cycle
    deep: Any = "bottom"
    for level in range(60):
        deep = [deep] if level % 2 else {"k": deep, 1: (deep,) if level > 50 else 1}
    lists: Any = "bottom"
    dicts: Any = "bottom"
    for _ in range(60):
        lists, dicts = [lists, 1, 2], {"k": dicts, "other": 1}
    chain: Any = "bottom"
    for _ in range(10):
        chain = [chain]
    wide: Any = [[chain] for _ in range(100)]
    for _ in range(42):
        wide = [wide]
    for value in (cycle, [cycle, cycle], deep, lists, dicts, wide):
        for nodes in (1, 3, 20, 60):
            assert streamed(value, Budget(nodes, 20)) == at_once(value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: list(range(2_500_000)),
        lambda: {f"key {n}": n for n in range(300_000)},
        lambda: {n: [n] for n in range(300_000)},
        lambda: [[{"id": n, "tags": ["a", "b"]} for n in range(1_000)]] * 400,
        lambda: {"a": "text " * 3_000_000, "b": ["é\n" * 1_000_000]},
    ],
    ids=["items", "keys", "numbers as keys", "nests", "texts"],
)
def test_it_is_complete_however_large_and_comes_in_small_chunks(make: Callable[[], Any]) -> None:
    value = make()
    chunks = list(JsonStream(REDACTION, "v", value))
    assert max(map(len, chunks)) < 512 * 1024
    expected = {str(key): held for key, held in value.items()} if isinstance(value, dict) else value
    assert msgspec.json.decode(b"".join(chunks)) == expected


MOST = 300_000
IN_HAND = 2**26  # bytes that may still be written when the most is reached


@pytest.mark.parametrize(
    "make",
    [
        lambda: [{"id": n, "name": "n"} for n in range(50_000)],
        lambda: {f"key {n}": n for n in range(50_000)},
        lambda: {f"key {n}": {"password": "x", "id": n} for n in range(50_000)},
        lambda: [[[n] * 50 for n in range(100)] for _ in range(100)],
        lambda: {"small": 1, "text": "x" * 400_000, "bytes": b"x" * 400_000},
        lambda: [1j] * 100_000,
    ],
    ids=["rows", "keys", "masked", "nested", "texts", "slow"],
)
def test_what_is_over_the_most_that_a_server_takes_is_left_out_and_said_to_be(
    make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_stream, "_MOST_BYTES", MOST)
    body = streamed(make())
    assert len(body) < 2 * MOST
    assert body.count(b"left out: too large]") >= 1
    assert msgspec.json.decode(body)


def test_what_is_in_hand_at_the_most_still_fits_into_what_a_server_takes() -> None:
    assert load_server_config({}, {}).max_blob_bytes >= json_stream._MOST_BYTES + IN_HAND


def test_it_takes_little_memory_beside_the_value() -> None:
    value = {f"key {n}": [n, {"password": n}] for n in range(100_000)}
    stream = JsonStream(REDACTION, "v", value)
    tracemalloc.start()
    size = sum(map(len, stream))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 3_000_000
    assert peak < 3_000_000  # the value itself takes some 40 MB; the tests' own threads take a little, too


def test_secrets_are_masked_wherever_they_are_in_a_large_value() -> None:
    rows: list[Any] = [{"id": n} for n in range(50_000)]
    rows[40_000] = {"deep": [{"apiKey": "hunter2", "max_tokens": 5}]}
    rows[40_001] = ["authorization", "hunter2"]
    value = {"rows": rows, "cookies": ["hunter2"] * 50_000, "password": "hunter2" * 50_000}
    body = streamed(value)
    assert b"hunter2" not in body
    told = msgspec.json.decode(body)
    assert told["rows"][40_000] == {"deep": [{"apiKey": "[redacted]", "max_tokens": 5}]}
    assert set(told["cookies"]) == {"[redacted]"}


def changed_after_the_first_chunk(value: Any, change: Any) -> Any:
    chunks = iter(JsonStream(REDACTION, "v", value))
    head = next(chunks)
    change()
    return msgspec.json.decode(head + b"".join(chunks))


def test_a_dict_that_grows_meanwhile_ends_with_an_entry_that_says_so() -> None:
    value = {f"key {n}": n for n in range(50_000)}
    told = changed_after_the_first_chunk(value, lambda: value.update(more=1))
    assert told.pop("…") == "[changed while it was recorded]"
    assert 0 < len(told) < 50_000
    assert told.items() <= value.items()


def test_a_set_that_shrinks_meanwhile_ends_with_an_item_that_says_so() -> None:
    value = set(range(50_000))
    told = changed_after_the_first_chunk(value, value.clear)
    assert told.pop() == "[changed while it was recorded]"
    assert set(told) < set(range(50_000))


@pytest.mark.parametrize("kind", [list, collections.deque])
def test_a_list_that_changes_length_meanwhile_says_so_and_does_not_go_on_for_ever(kind: Any) -> None:
    value = kind(range(50_000))
    told = changed_after_the_first_chunk(value, lambda: value.append(7))
    assert told.pop() == "[changed while it was recorded]"
    assert told == list(range(len(told)))
    assert len(told) <= 50_000


def test_a_change_inside_one_member_costs_that_member_alone() -> None:
    inner = {f"key {n}": n for n in range(50_000)}
    told = changed_after_the_first_chunk([inner, "after"], lambda: inner.update(more=1))
    assert told[0]["…"] == "[changed while it was recorded]"
    assert told[1:] == ["after"]


def test_a_function_that_fails_ends_the_stream_with_an_error_of_ours() -> None:
    def fail(name: str, value: object) -> bool:
        return bool(1 // 0) if value == 40_000 else False

    with pytest.raises(MaskingFailed):
        streamed(list(range(50_000)), None, Redaction(fail))
