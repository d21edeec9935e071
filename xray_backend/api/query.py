"""Questions over steps and traces."""

from typing import Annotated, Any

import msgspec
from flask import Blueprint, Response

from xray_backend.api import parameters
from xray_backend.api.answers import answer
from xray_backend.api.context import require_member, services
from xray_backend.api.described import described
from xray_backend.api.documents import StepDocument, TraceDocument
from xray_backend.api.request_body import read_fields
from xray_backend.store.base import Collection

__all__ = ["blueprint"]

blueprint = Blueprint("query", __name__, url_prefix="/api/v1/projects/<project_id>")


class Query(msgspec.Struct, forbid_unknown_fields=True):
    """A filter in MongoDB's language, and which page of its answer; unknown fields would change the meaning."""

    filter: dict[str, Any]
    limit: Annotated[int, msgspec.Meta(ge=1, le=parameters.MAX_LIMIT)] = parameters.DEFAULT_LIMIT
    cursor: str | None = None


@blueprint.post("/query")
@described({"results": list[StepDocument], "nextCursor": str | None}, body=Query, credentials="token", errors=(403,))
def query_steps(project_id: str) -> Response:
    """Find steps, newest first."""
    return _found("steps", project_id)


@blueprint.post("/traces/query")
@described({"results": list[TraceDocument], "nextCursor": str | None}, body=Query, credentials="token", errors=(403,))
def query_traces(project_id: str) -> Response:
    """Find traces, newest first."""
    return _found("traces", project_id)


def _found(collection: Collection, project_id: str) -> Response:
    require_member(project_id)
    asked = read_fields(Query)
    documents, next_cursor = services().searching.query(
        collection, project_id, asked.filter, limit=asked.limit, cursor=asked.cursor
    )
    return answer({"results": [msgspec.Raw(document) for document in documents], "nextCursor": next_cursor})
