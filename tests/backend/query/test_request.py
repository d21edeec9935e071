"""The body of a query request, as a whole."""

import pytest

from xray_backend.errors import BadRequest
from xray_backend.query.limits import QueryLimits
from xray_backend.query.request import parse_request
from xray_backend.query.tree import And, Compare


def test_a_request_without_limit_and_cursor_asks_for_a_first_page_of_fifty():
    request = parse_request({"filter": {}}, "steps", QueryLimits())
    assert (request.condition, request.filter, request.limit, request.cursor) == (And(()), {}, 50, None)


def test_a_request_keeps_its_filter_as_it_was_sent():
    body = {"filter": {"status": "failure"}, "limit": 100, "cursor": "abc"}
    request = parse_request(body, "traces", QueryLimits())
    assert request.condition == Compare(("status",), "eq", "failure")
    assert (request.filter, request.limit, request.cursor) == ({"status": "failure"}, 100, "abc")


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (None, "The body must be an object"),
        ([], "The body must be an object"),
        ({}, "The filter is missing"),
        ({"filter": None}, "A filter is an object"),
        ({"filter": {}, "sort": {"timestamp": -1}}, "'sort' is not supported"),
        ({"filter": {}, "sort": None}, "'sort' is not supported"),
        ({"filter": {}, "count": True}, "'count' is not supported"),
        ({"filters": {}}, "'filters' is not part of a query"),
        ({"filter": {}, "\ud800": 1}, "is not part of a query"),
        ({"filter": {}, "limit": 0}, "'limit' must be a whole number from 1 to 100"),
        ({"filter": {}, "limit": 101}, "'limit' must be"),
        ({"filter": {}, "limit": 2.0}, "'limit' must be"),
        ({"filter": {}, "limit": True}, "'limit' must be"),
        ({"filter": {}, "limit": "5"}, "'limit' must be"),
        ({"filter": {}, "cursor": 5}, "'cursor' must be"),
    ],
)
def test_a_request_with_anything_else_is_refused_with_a_sentence(body, part):
    with pytest.raises(BadRequest) as refusal:
        parse_request(body, "steps", QueryLimits())
    assert part in refusal.value.message
