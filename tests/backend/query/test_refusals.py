"""What the filter language does not say is refused with a sentence that names it."""

import pytest

from xray_backend.errors import BadRequest
from xray_backend.query.filter import parse_filter
from xray_backend.query.limits import QueryLimits
from xray_backend.query.sql import compile_condition
from xray_backend.query.tree import And, Compare, Or

UNSUPPORTED = [
    "$where", "$function", "$expr", "$text", "$mod", "$near", "$geoWithin", "$jsonSchema", "$comment", "$bitsAllSet",
    "$EQ", "$", "$ eq", "$xor",
]  # fmt: skip


@pytest.mark.parametrize("operator", UNSUPPORTED)
@pytest.mark.parametrize(
    "make",
    [
        lambda op: {op: "1"},
        lambda op: {"metadata.a": {op: 1}},
        lambda op: {"$nor": [{op: 1}]},
        lambda op: {"metadata.a": {"$not": {op: 1}}},
        lambda op: {"metadata.a": {"$elemMatch": {op: 1}}},
    ],
)
def test_an_operator_outside_the_language_is_refused_by_name(make, operator):
    with pytest.raises(BadRequest) as refusal:
        parse_filter(make(operator), "steps", QueryLimits())
    assert f"The operator {operator} " in refusal.value.message
    assert "is not supported" in refusal.value.message


REFUSED = [
    (["a"], "A filter is an object"),
    (None, "A filter is an object"),
    ("stepName", "A filter is an object"),
    ({"$and": []}, "$and needs a list with at least one filter"),
    ({"$or": {"metadata.a": 1}}, "$or needs a list with at least one filter"),
    ({"$and": [1]}, "A filter is an object"),
    ({"$gt": 1}, "The operator $gt stands below a path"),
    ({"metadata.a": {"$or": [1]}}, "The operator $or stands at the top of a filter"),
    ({"metadata.a": {"$gt": 1, "b": 2}}, "operators beside the key 'b'"),
    ({"metadata.a": {"$in": 5}}, "$in on 'metadata.a' needs a list"),
    ({"metadata.a": {"$nin": {"0": 1}}}, "$nin on 'metadata.a' needs a list"),
    ({"metadata.a": {"$in": [{"$gt": 1}]}}, "$in on 'metadata.a' takes values, not operators"),
    ({"metadata.a": {"$exists": "yes"}}, "$exists on 'metadata.a' needs true or false"),
    ({"metadata.a": {"$exists": None}}, "$exists on 'metadata.a' needs true or false"),
    ({"secret": 1}, "The path 'secret' does not start at a field of steps"),
    ({"": 1}, "The path '' does not start at a field of steps"),
    ({"doc": 1}, "The path 'doc' does not start at a field of steps"),
    ({"status": "failure"}, "The path 'status' does not start at a field of steps"),
    ({"metadata.": 1}, "has an empty part"),
    ({"metadata..a": 1}, "has an empty part"),
    ({"metadata.$a": 1}, "begins with $"),
    ({"metadata.a\ud800": 1}, "half of a surrogate pair"),
    ({"\ud800": 1}, "does not start at a field"),
    ({"metadata.a": "\udc00"}, "half of a surrogate pair"),
    ({"metadata.a": {"$eq": {"k\ud800": 1}}}, "half of a surrogate pair"),
    ({"metadata.a": {"$\ud800": 1}}, "is not supported"),
    ({"metadata.a": 2**63}, "more than 64 bits"),
    ({"metadata.a": {"$in": [[-(2**63) - 1]]}}, "more than 64 bits"),
    ({"metadata.a": b"bytes"}, "is not a JSON value"),
    ({"timestamp": "yesterday"}, "'timestamp' is a time"),
    ({"timestamp": "2026-01-11T16:55:21"}, "'timestamp' is a time"),
    ({"timestamp": {"$gt": "2026-13-11T16:55:21Z"}}, "'timestamp' is a time"),
    ({"timestamp": True}, "'timestamp' is a time"),
    ({"timestamp": {"$in": [[1]]}}, "'timestamp' is a time"),
    ({"timestamp": {"$lt": 1e300}}, "beyond every calendar"),
    ({"timestamp": 2**70}, "beyond every calendar"),
    ({"_id": "zz"}, "24 hexadecimal digits"),
    ({"_id": {"$in": ["a" * 25]}}, "24 hexadecimal digits"),
    ({"_id": 5}, "24 hexadecimal digits"),
]


@pytest.mark.parametrize(("filter", "part"), REFUSED, ids=[part + f" {n}" for n, (_, part) in enumerate(REFUSED)])
def test_a_filter_that_says_nothing_sensible_is_refused_with_a_sentence(filter, part):
    with pytest.raises(BadRequest) as refusal:
        parse_filter(filter, "steps", QueryLimits())
    message = refusal.value.message
    assert part in message
    assert message.endswith(".")
    assert message.encode("utf-8")


LIMITS = QueryLimits(
    max_depth=3, max_clauses=4, max_list_length=5, max_values=8, max_text_bytes=30, max_path_parts=4, max_path_bytes=40
)  # fmt: skip
OVER_LIMITS = [
    ({"$and": [{"$and": [{"$and": [{"metadata.a": 1}]}]}]}, "filter is nested more than 3 levels"),
    ({"metadata.a": [[[[1]]]]}, "nested more than 3 levels"),
    ({"$or": [{"metadata.a": 1}] * 4}, "more than 4 clauses"),
    ({"metadata.a": {"$gt": 1, "$gte": 1, "$lt": 1, "$lte": 1, "$ne": 1}}, "more than 4 clauses"),
    ({"metadata.a": {"$in": [1] * 6}}, "more than 5 values"),
    ({"metadata.a": [1] * 6}, "more than 5 values"),
    ({"metadata.a": {"$in": [1] * 5}, "metadata.b": {"$in": [1] * 5}}, "The filter holds more than 8 values"),
    ({"timestamp": {"$in": [1] * 5, "$nin": [2] * 5}}, "The filter holds more than 8 values"),
    ({"metadata.a": {"$in": ["é" * 8, "x" * 15]}}, "more than 30 bytes together"),
    ({"metadata.a": {"x" * 16: 1}, "metadata.b": "x" * 15}, "more than 30 bytes together"),
    ({"metadata.a.b.c.d": 1}, "more than 4 parts"),
    ({"metadata." + "é" * 16: 1}, "longer than 40 bytes"),
]


@pytest.mark.parametrize(("filter", "part"), OVER_LIMITS)
def test_a_filter_over_a_limit_is_refused_with_the_limit(filter, part):
    with pytest.raises(BadRequest) as refusal:
        parse_filter(filter, "steps", LIMITS)
    assert part in refusal.value.message


def test_a_filter_at_every_limit_is_taken():
    filter = {"$or": [{"$and": [{"metadata.a.b.c": {"$in": [1, 2, 3, 4, 5]}, "metadata.b": [[1]]}]}]}
    node = parse_filter(filter, "steps", LIMITS)
    assert isinstance(node, Or)


def test_the_largest_filter_that_is_taken_runs(table):
    limits = QueryLimits()
    texts = [f"{n}\0" for n in range(limits.max_list_length)]
    many = [{f"metadata.{'d.' * 40}x{n}": {"$in": texts[:47]}} for n in range(limits.max_clauses - 1)]
    table.fill([{"metadata": {}, "stepName": "rank"}])
    assert table.find({"$or": many}) == []
    assert table.find({"metadata.a": {"$nin": texts}, "stepName": {"$nin": texts}}) == [0]
    nested = {"metadata.a": {"$exists": False}}
    for _ in range(limits.max_depth - 1):
        nested = {"$or": [nested, {"stepName": "x"}]}
    assert table.find(nested) == [0]


def test_the_tree_says_what_was_sent():
    node = parse_filter({"metadata.a.b": {"$gt": 5, "$lte": "x"}}, "steps", QueryLimits())
    path = ("metadata", "a", "b")
    assert node == And((Compare(path, "gt", 5), Compare(path, "lte", "x")))


HOSTILE = [
    "'; drop table steps; --",
    '"; drop table steps; --',
    "') or 1=1 --",
    '" or 1=1 --',
    "?",
    ":a",
    "$a",
    "@a",
    "%s",
    "{}",
    "x' || (select doc from traces) || '",
    "\\",
    '\\"',
    '"."b',
    "[0]",
    "#-1",
    "$",
    "\0",
    "\n--",
    "/*",
    "é'\U0001f600",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_client_sends_becomes_part_of_the_sql(text):
    marker = "zq" + text.replace(".", "")
    filter = {
        "$or": [
            {f"metadata.{marker}": marker},
            {f"metadata.{marker}.b": {"$gt": marker}},
            {"metadata.a": {"$in": [marker, {marker: [marker]}], "$lt": {marker: 1}}},
            {"stepName": {"$ne": marker}},
        ]
    }
    condition = compile_condition(parse_filter(filter, "steps", QueryLimits()), "steps")
    assert "zq" not in condition.sql
    assert condition.sql.count("?") == len(condition.params)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_keys_and_values_are_found_like_any(table, text):
    key = "k" + text.replace(".", "")
    table.fill([{"metadata": {key: {"b": text}}, "stepName": text}, {"metadata": {"k": {"b": "x"}}, "stepName": "x"}])
    asked = [{f"metadata.{key}.b": text}, {f"metadata.{key}": {"b": text}}, {"stepName": text}]
    assert [table.find(filter) for filter in asked] == [[0]] * 3
    assert table.find({"metadata.k.b": "x"}) == [1]
