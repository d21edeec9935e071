"""What the presign calls take."""

import json
from typing import Any

import pytest

from xray_backend.errors import ApiError, BadRequest, TooLarge
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.presign import data_event, parse_presign, parse_presign_batch
from xray_backend.ingest.shapes import PresignRequest

LIMITS = Limits()
ITEM = {"dataId": "d", "traceId": "t", "key": "k"}


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def test_an_item_becomes_the_data_event_that_records_it() -> None:
    full = {**ITEM, "metadata": {"n": 2**64}, "contentType": "text/plain", "sizeBytes": 5, "sha256": "AB" * 32, "x": 1}
    event = data_event(parse_presign(encoded(full), LIMITS))
    assert (event.data_id, event.trace_id, event.key, event.metadata) == ("d", "t", "k", {"n": str(2**64)})
    assert (event.content_type, event.size_bytes, event.sha256, event.content) == ("text/plain", 5, "ab" * 32, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dataId": ".."}, "`dataId` must be"),
        ({"traceId": None}, "`traceId` must be a string"),
        ({"key": 3}, "`key` must be a string"),
        ({"sizeBytes": -1}, "`sizeBytes` must be between"),
        ({"sizeBytes": 1.5}, "`sizeBytes` must be an integer"),
        ({"sha256": "xyz"}, "`sha256` must be"),
        ({"contentType": "a\nb"}, "`contentType` must be"),
        ({"metadata": [1]}, "`metadata` must be an object"),
        ({"metadata": {"x": float("inf")}}, "holds Infinity"),
    ],
)
def test_a_wrong_field_is_refused_with_its_name(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_presign(encoded({**ITEM, **change}), LIMITS)
    assert said in caught.value.message


def test_a_blob_over_the_limit_is_too_large() -> None:
    limits = Limits(max_blob_bytes=10)
    assert parse_presign(encoded({**ITEM, "sizeBytes": 10}), limits).size_bytes == 10
    with pytest.raises(TooLarge, match="`sizeBytes` is 11; the limit is 10"):
        parse_presign(encoded({**ITEM, "sizeBytes": 11}), limits)


def test_each_item_of_a_batch_stands_in_its_place_or_an_error_does() -> None:
    found = parse_presign_batch(encoded({"items": [ITEM, 3, {**ITEM, "dataId": "/"}, ITEM]}), LIMITS)
    assert [type(item) for item in found] == [PresignRequest, BadRequest, BadRequest, PresignRequest]
    assert next(item.message for item in found if isinstance(item, ApiError)) == "The item must be a JSON object."


@pytest.mark.parametrize("body", [{}, {"items": []}, {"items": None}, {"items": {}}, [], 3])
def test_a_batch_of_another_shape_is_refused(body: object) -> None:
    with pytest.raises(BadRequest):
        parse_presign_batch(encoded(body), LIMITS)


def test_too_many_items_are_too_large() -> None:
    with pytest.raises(TooLarge, match="101 items; the limit is 100"):
        parse_presign_batch(encoded({"items": [ITEM] * 101}), LIMITS)
