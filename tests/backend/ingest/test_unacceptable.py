"""The sentences for fields that are not as they must be."""

from typing import Annotated

import msgspec
import pytest

from xray_backend.ingest.unacceptable import explain


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5
    password: Annotated[str, msgspec.Meta(min_length=8)] = "12345678"
    items: Annotated[list[int], msgspec.Meta(max_length=2)] = []


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"limit": 0}, "`limit` must be at least 1."),
        ({"limit": 101}, "`limit` must be at most 100."),
        ({"share": 0.0}, "`share` must be more than 0.0."),
        ({"share": 1.0}, "`share` must be less than 1.0."),
        ({"password": "short"}, "`password` must have at least 8 characters."),
        ({"items": [1, 2, 3]}, "`items` must have at most 2 entries."),
        ({"count": True}, "The request body has the field `count`, which is not known here."),
    ],
)
def test_a_field_outside_its_bounds_is_told_in_words_and_not_in_types(sent: dict[str, object], sentence: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(sent, Shape)
    assert explain(refused.value, "The request body") == sentence
