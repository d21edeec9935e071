"""The bodies of `POST /presign`, `POST /presign/batch` and `POST /presign/complete`."""

from collections.abc import Mapping
from typing import Any

import msgspec

from xray_backend.errors import ApiError, BadRequest, TooLarge
from xray_backend.ingest.checks import Checks
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.shapes import CompleteRequest, Data, PresignRequest
from xray_backend.ingest.strict_json import parse_object
from xray_backend.ingest.unacceptable import Unacceptable, explain

__all__ = ["data_event", "parse_complete", "parse_presign", "parse_presign_batch"]


def parse_presign(body: bytes, limits: Limits) -> PresignRequest:
    """Parse and check one item. Raises `BadRequest` if it is not valid, `TooLarge` if the blob would be too large."""
    return _item(parse_object(body, limits), limits)


def parse_presign_batch(body: bytes, limits: Limits) -> list[PresignRequest | ApiError]:
    """Parse and check each item by itself; an error stands in the place of one that is not valid.

    Raises `BadRequest` if the body is not of that shape, `TooLarge` if there are too many items.
    """
    items = parse_object(body, limits).get("items")
    if not isinstance(items, list) or not items:
        raise BadRequest("The request body must be an object with a list `items` that is not empty.")
    if len(items) > limits.max_presign_items:
        raise TooLarge(f"The request has {len(items)} items; the limit is {limits.max_presign_items}.")
    return [_item_or_error(item, limits) for item in items]


def data_event(request: PresignRequest) -> Data:
    """Return the event that records the value which is about to be uploaded."""
    fields = msgspec.structs.asdict(request)
    del fields["upload_id"]
    return Data(**fields)


def parse_complete(body: bytes, limits: Limits) -> CompleteRequest:
    """Parse and check what completes an upload. Raises `BadRequest` if it is not valid."""
    try:
        request: CompleteRequest = msgspec.convert(parse_object(body, limits), CompleteRequest)
        Checks("", limits).complete(request)
    except msgspec.ValidationError as error:
        raise BadRequest(explain(error, "The request body")) from None
    except Unacceptable as error:
        raise BadRequest(str(error)) from None
    return request


def _item_or_error(item: object, limits: Limits) -> PresignRequest | ApiError:
    try:
        return _item(item, limits)
    except (BadRequest, TooLarge) as error:
        return error


def _item(item: object, limits: Limits) -> PresignRequest:
    if not isinstance(item, Mapping):
        raise BadRequest("The item must be a JSON object.")
    try:
        request: PresignRequest = msgspec.convert(dict[str, Any](item), PresignRequest)
        Checks("", limits).presign(request)
    except msgspec.ValidationError as error:
        raise BadRequest(explain(error, "The item")) from None
    except Unacceptable as error:
        raise BadRequest(str(error)) from None
    if (request.size_bytes or 0) > limits.max_blob_bytes:
        raise TooLarge(f"`sizeBytes` is {request.size_bytes}; the limit is {limits.max_blob_bytes}.")
    return request
