"""The body of a query request."""

from dataclasses import dataclass
from typing import Literal

from xray_backend.errors import BadRequest
from xray_backend.query.filter import parse_filter
from xray_backend.query.limits import QueryLimits
from xray_backend.query.tree import Node

__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "QueryRequest", "parse_request"]

# The page sizes that the contract gives for listing traces hold for every page of documents.
DEFAULT_LIMIT = 50
MAX_LIMIT = 100

_KEYS = ("filter", "limit", "cursor")


@dataclass(frozen=True)
class QueryRequest:
    """What is asked for, checked."""

    condition: Node
    filter: object
    """The filter as it was sent, which a cursor is bound to."""
    limit: int
    cursor: str | None


def parse_request(body: object, collection: Literal["steps", "traces"], limits: QueryLimits) -> QueryRequest:
    """Check a request of the form `{filter, limit?, cursor?}`. Raises `BadRequest` if it is anything else."""
    if not isinstance(body, dict):
        raise BadRequest('The body must be an object with a filter, such as {"filter": {}}.')
    _check_keys(body)
    return QueryRequest(
        condition=parse_filter(body["filter"], collection, limits),
        filter=body["filter"],
        limit=_limit(body.get("limit")),
        cursor=_cursor(body.get("cursor")),
    )


def _check_keys(body: dict[str, object]) -> None:
    for key in body:
        if key in ("sort", "count"):
            raise BadRequest(f"'{key}' is not supported; results come newest first, without a count.")
        if key not in _KEYS:
            shown = key[:50].encode("utf-8", "replace").decode()
            raise BadRequest(f"'{shown}' is not part of a query; there are {', '.join(_KEYS)}.")
    if "filter" not in body:
        raise BadRequest("The filter is missing; the empty filter {} asks for everything.")


def _limit(value: object) -> int:
    if value is None:
        return DEFAULT_LIMIT
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_LIMIT:
        raise BadRequest(f"'limit' must be a whole number from 1 to {MAX_LIMIT}.")
    return value


def _cursor(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise BadRequest("'cursor' must be the nextCursor of the page before, or null.")
