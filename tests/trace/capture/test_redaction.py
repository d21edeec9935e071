"""No secret leaves under any spelling of its name; nothing else is touched."""

import base64
import copy
import tracemalloc
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xray_trace.capture.capturer import Capturer
from xray_trace.capture.redaction import Redaction
from xray_trace.config import DEFAULT_REDACTED_NAMES

SECRET = "S3CR3T-hunter2"
CAPTURER = Capturer(DEFAULT_REDACTED_NAMES)


def is_in(secret: str, content: bytes | None) -> bool:
    assert content is not None
    return secret.encode() in content or base64.b64encode(secret.encode()).rstrip(b"=")[:-2] in content


def spellings(name: str) -> list[str]:
    words = name.split("_")
    camel = words[0] + "".join(word.title() for word in words[1:])
    plain = [name, name.upper(), "-".join(words), ".".join(words), camel, camel[0].upper() + camel[1:], " ".join(words)]
    return [*plain, f"x-{name}", f"user_{name}", f"{name}_2", f"old{camel[0].upper()}{camel[1:]}", f"{name}_value"]


SECRET_NAMES = st.sampled_from([spelt for name in DEFAULT_REDACTED_NAMES for spelt in spellings(name)])
HARMLESS_NAMES = st.sampled_from(["id", "tokenizer", "max_tokens", "secretary", "cookieless", "passwordless", "name"])
SHAPES = st.sampled_from(["text", "bytes", "list", "dict", "deep"])


def planted(shape: str) -> Any:
    return {
        "text": SECRET,
        "bytes": SECRET.encode(),
        "list": [SECRET, 7],
        "dict": {"inner": SECRET, "count": 7},
        "deep": [{"a": ({"b": SECRET.encode()},)}],
    }[shape]


@st.composite
def values_with_a_secret(draw: st.DrawFn) -> Any:
    name, shape = draw(SECRET_NAMES), draw(SHAPES)
    value: Any = {name: planted(shape), "kept": 42}
    if draw(st.booleans()):
        value = [("other", 1), (name, SECRET), [name.encode(), SECRET.encode()]]
    for step in draw(st.lists(st.sampled_from(["list", "dict", "tuple", "object", "record"]), max_size=12)):
        value = _wrapped(value, step, draw(HARMLESS_NAMES))
    return value


class Holder:
    def __init__(self, value: object) -> None:
        self.held = value


@dataclass
class Boxed:
    held: object


def _wrapped(value: object, step: str, name: str) -> object:
    return {
        "list": [1, value],
        "dict": {name: value, "n": 1},
        "tuple": (value, None, 2.5),
        "object": Holder(value),
        "record": Boxed(value),
    }[step]


@given(values_with_a_secret())
@settings(deadline=None, max_examples=400)
def test_a_secret_at_any_depth_under_any_spelling_is_masked(value: Any) -> None:
    captured = CAPTURER.capture("value", value)
    assert not is_in(SECRET, captured.body)
    assert not is_in(SECRET, captured.summary)
    assert not is_in(SECRET, CAPTURER.metadata({"value": value}))


@given(SECRET_NAMES, SHAPES)
@settings(deadline=None)
def test_the_arguments_own_name_counts(name: str, shape: str) -> None:
    captured = CAPTURER.capture(name, planted(shape))
    assert not is_in(SECRET, captured.body)
    assert not is_in(SECRET, captured.summary)
    assert not is_in(SECRET, CAPTURER.metadata({name: planted(shape)}))


@given(SECRET_NAMES, st.integers(0, 10**6) | st.floats(0, 1) | st.booleans() | st.none())
@settings(deadline=None)
def test_numbers_and_booleans_are_never_masked(name: str, number: object) -> None:
    captured = CAPTURER.capture("value", {name: number, "list": {name: [number]}})
    assert captured.body is not None
    assert msgspec.json.decode(captured.body) == {name: number, "list": {name: [number]}}


@pytest.mark.parametrize("name", ["tokenizer", "max_tokens", "secretary", "author", "passwordless", "id", "", "keys"])
def test_a_name_that_only_begins_like_a_secrets_is_not_masked(name: str) -> None:
    captured = CAPTURER.capture("value", {name: "kept"})
    assert captured.body is not None
    assert b"kept" in captured.body


@pytest.mark.parametrize("name", ["apiKey", "x-api-key", "userPassword", "API_KEY", "APIKey", "OAuthToken", "a.token"])
def test_whole_words_are_found_in_every_case(name: str) -> None:
    assert not is_in(SECRET, CAPTURER.capture("value", {name: SECRET}).body)


@pytest.mark.parametrize("length", [100, 1_000, 100_000])
def test_a_secret_word_at_the_end_of_a_long_name_counts(length: int) -> None:
    captured = CAPTURER.capture("value", {"x" * length + "_password": SECRET, "id": 1})
    assert not is_in(SECRET, captured.body)


@pytest.mark.parametrize("count", [50, 600, 4_000])
@pytest.mark.parametrize("alike", ["user", "tokenizer"])
def test_one_secret_name_among_many_that_are_data_is_found(alike: str, count: int) -> None:
    value = {f"{alike}-{number}": "kept" for number in range(count)}
    captured = CAPTURER.capture("value", {**value, "my_token": SECRET, "last": "kept"})
    assert not is_in(SECRET, captured.body)
    assert msgspec.json.decode(captured.body or b"") == {**value, "my_token": "[redacted]", "last": "kept"}


def test_names_that_are_data_take_no_memory() -> None:
    redaction = Redaction(DEFAULT_REDACTED_NAMES)
    names = [f"{number} {'x' * 20_000}" for number in range(200)] + [str(number) for number in range(50_000)]
    tracemalloc.start()
    for name in names:
        assert redaction.are_harmless({name})
    assert redaction.are_harmless(names)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 3_000_000


Login = namedtuple("Login", ["user", "password"])


class Settings(pydantic.BaseModel):
    user: str
    api_key: str
    hidden: pydantic.SecretStr


@attrs.define
class Session:
    cookie: str


class Client:
    __slots__ = ("__dict__", "authToken")

    def __init__(self) -> None:
        self.authToken = SECRET
        self.password = SECRET


def failed() -> Exception:
    error = ValueError("failed")
    error.token = SECRET  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    "value",
    [
        Login("u", SECRET),
        Settings(user="u", api_key=SECRET, hidden=pydantic.SecretStr(SECRET)),
        Session(SECRET),
        Client(),
        failed(),
        {b"password": SECRET},
        [("Authorization", SECRET), (b"cookie", SECRET.encode())],
        [(b"cookie\xc2\xa0", SECRET.encode())],  # ends with a space that does not break
        [(b"cookie\xff", SECRET.encode())],  # no text; all that can be read is the name
        {"password": bytearray(SECRET.encode())},
        {"password": memoryview(SECRET.encode())},
        {"cookies": {"session": SECRET}},
    ],
)
def test_secrets_are_found_in_every_kind_of_holder(value: object) -> None:
    captured = CAPTURER.capture("value", value)
    assert not is_in(SECRET, captured.body)
    assert b"[redacted]" in (captured.body or b"")


def test_a_long_secret_string_is_masked_too() -> None:
    captured = CAPTURER.capture("password", SECRET * 10_000)
    assert msgspec.json.decode(captured.summary) == {"type": "str", "bytes": 12, "length": 10, "value": "[redacted]"}
    assert captured.body == b'"[redacted]"'


def test_masking_never_changes_the_users_value() -> None:
    value = {"password": SECRET, "deep": [{"token": [SECRET]}], "object": Holder({"cookie": SECRET})}
    before = copy.deepcopy(value["deep"])
    CAPTURER.capture("value", value)
    assert value["password"] == SECRET
    assert value["deep"] == before
    assert value["object"].held == {"cookie": SECRET}  # type: ignore[attr-defined]


def test_the_list_of_names_is_a_setting() -> None:
    capturer = Capturer(("iban",))
    captured = capturer.capture("value", {"customerIban": SECRET, "password": "kept"})
    assert captured.body == b'{"customerIban":"[redacted]","password":"kept"}'


def test_a_function_of_the_users_masks_more_than_the_list() -> None:
    capturer = Capturer(lambda name, value: isinstance(value, str) and value.startswith("sk-"))
    captured = capturer.capture("value", {"list": ["sk-1", "plain"], "password": SECRET, "n": 1})
    assert captured.body == b'{"list":["[redacted]","plain"],"password":"[redacted]","n":1}'
    assert capturer.capture("value", "sk-1" * 10_000).body == b'"[redacted]"'


@pytest.mark.parametrize("value", ["text", {"a": SECRET}, SECRET * 5_000, b"raw", 5])
def test_if_masking_fails_the_value_is_left_out(value: object) -> None:
    def fails(name: str, value: object) -> bool:
        raise RuntimeError(SECRET)

    captured = Capturer(fails).capture("value", value)
    assert not is_in(SECRET, captured.body)
    assert b"masking failed" in (captured.body or b"")
    assert b"masking failed" in Capturer(fails).metadata({"value": value})
