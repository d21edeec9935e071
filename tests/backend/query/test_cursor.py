"""A cursor leads on only in the query that gave it, and only if this server made it."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xray_backend.errors import BadRequest
from xray_backend.query.cursor import CursorCodec, FieldPosition, Position, binding

SECRET = b"a secret of the server's"
POSITION = Position(1768150521013, "6963d5fa208b19fda2c2d292")
QUERY = binding("p1", "steps", {"filter": {"metadata.a": 1}})


@given(ms=st.integers(-(2**53), 2**53), oid=st.text("0123456789abcdef", min_size=24, max_size=24))
@settings(max_examples=100, deadline=None)
def test_a_cursor_gives_back_its_position_in_every_process_with_the_secret(ms, oid):
    text = CursorCodec(SECRET).encode(Position(ms, oid), QUERY)
    assert CursorCodec(SECRET).decode(text, QUERY, Position) == (ms, oid)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    "other",
    [
        binding("p2", "steps", {"filter": {"metadata.a": 1}}),
        binding("p1", "traces", {"filter": {"metadata.a": 1}}),
        binding("p1", "steps", {"filter": {"metadata.a": "1"}}),
        binding("p1", "steps", {"filter": {}}),
        binding("p1", "steps", {"filter": {"metadata.a": 1}, "sort": {"timestamp": 1}}),
        b"",
    ],
)
def test_a_cursor_of_another_query_is_refused(other):
    codec = CursorCodec(SECRET)
    with pytest.raises(BadRequest, match="belongs to another query"):
        codec.decode(codec.encode(POSITION, QUERY), other, Position)


def test_a_cursor_of_another_server_is_refused():
    with pytest.raises(BadRequest, match="belongs to another query or was altered"):
        CursorCodec(SECRET).decode(CursorCodec(b"another secret").encode(POSITION, QUERY), QUERY, Position)


def test_a_cursor_with_any_byte_altered_is_refused():
    codec = CursorCodec(SECRET)
    text = codec.encode(POSITION, QUERY)
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    for place in range(len(raw)):
        altered = bytearray(raw)
        altered[place] ^= 1
        with pytest.raises(BadRequest, match="altered"):
            codec.decode(base64.urlsafe_b64encode(altered).decode().rstrip("="), QUERY, Position)


@pytest.mark.parametrize(
    "text", ["", "x", "garbage", "ü", "!" * 1_000_000, "AAAA====", "[1,2]", "\0", "\ud800", " ", "A" * 22]
)
def test_a_text_that_was_never_a_cursor_is_refused_with_a_sentence(text):
    with pytest.raises(BadRequest, match="is not one of this server's"):
        CursorCodec(SECRET).decode(text, QUERY, Position)


def test_the_place_of_a_long_value_comes_back_whole():
    codec, place = CursorCodec(SECRET), FieldPosition(5, {"k": "x" * 1_000_000}, "f" * 24)
    assert codec.decode(codec.encode(place, QUERY), QUERY, FieldPosition) == place


def test_a_cursor_shows_nothing_of_its_query():
    text = CursorCodec(SECRET).encode(POSITION, binding("p1", "steps", {"metadata.password": "x"}))
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert b"p1" not in raw
    assert b"password" not in raw
