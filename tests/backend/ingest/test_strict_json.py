"""JSON bodies as strictly as they are taken."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xray_backend.errors import BadRequest
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.strict_json import parse_object

LIMITS = Limits()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'"x"', "must be a JSON object"),
        (b"{", "is not valid JSON"),
        (b'{"a":1} x', "is not valid JSON"),
        (b"\xff", "is not valid UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "is not valid UTF-8"),
        (b'{"a":1,"a":1}', "has the key `a` twice"),
        (b'{"a":{"b":[{"c":1,"c":2}]}}', "has the key `c` twice"),
        (b'{"a":1,"\\u0061":1}', "has the key `a` twice"),
        (b'{"a":NaN}', "holds NaN"),
        (b'{"a":[Infinity]}', "holds Infinity"),
        (b'{"a":"\\ud800"}', "half of a surrogate pair"),
        (b'{"\\udfff":1}', "half of a surrogate pair"),
        (b'{"a":1e999}', "number that is out of range"),
        (b'{"a":' + b"[" * 54 + b"]" * 54 + b"}", "nested deeper than 53 levels"),
        (b'{"a":' * 20000 + b"1" + b"}" * 20000, "nested too deeply"),
    ],
)
def test_what_is_not_acceptable_json_is_refused_with_the_reason(body: bytes, said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_object(body, LIMITS)
    assert said in caught.value.message
    assert caught.value.message.startswith("The request body ")


TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=6) | st.sampled_from([":", '":', "a:b", "\\", '"'])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(TEXTS, VALUES), st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=300, deadline=None)
def test_every_json_object_is_taken_as_the_standard_library_reads_it(
    value: dict[str, Any], ascii_only: bool, indent: int | None
) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert parse_object(body, LIMITS) == json.loads(body)


@given(st.lists(st.tuples(TEXTS, VALUES), min_size=1, max_size=4), st.data())
@settings(max_examples=300, deadline=None)
def test_a_key_that_comes_twice_never_passes(pairs: list[tuple[str, Any]], data: st.DataObject) -> None:
    twice = [*pairs, (data.draw(st.sampled_from([key for key, _ in pairs])), data.draw(VALUES))]
    ascii_only = data.draw(st.booleans())
    members = (
        f"{json.dumps(key, ensure_ascii=ascii_only)}:{json.dumps(value, ensure_ascii=ascii_only)}"
        for key, value in data.draw(st.permutations(twice))
    )
    body = "{" + ",".join(members) + "}"
    with pytest.raises(BadRequest, match="twice in one object"):
        parse_object(body.encode(), LIMITS)
