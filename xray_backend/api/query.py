"""Questions over steps and traces."""

from typing import Annotated, Any

import msgspec
from flask import Blueprint, Response
from msgspec import UnsetType

from xray_backend.api import parameters
from xray_backend.api.answers import answer
from xray_backend.api.context import require_member, services
from xray_backend.api.described import described
from xray_backend.api.documents import StepDocument, TraceDocument
from xray_backend.api.request_body import read_fields
from xray_backend.services.searching import Question
from xray_backend.store.records import Collection

__all__ = ["blueprint"]

blueprint = Blueprint("query", __name__, url_prefix="/api/v1/projects/<project_id>")


class Query(msgspec.Struct, forbid_unknown_fields=True):
    """A filter in MongoDB's language, and which page of its answer; unknown fields would change the meaning.

    `sort` is one field with 1 or -1; `count: true` asks how many there are in all.
    """

    filter: dict[str, Any]
    sort: dict[str, Any] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=parameters.MAX_LIMIT)] = parameters.DEFAULT_LIMIT
    cursor: str | None = None
    count: bool = False


@blueprint.post("/query")
@described(
    {"results": list[StepDocument], "nextCursor": str | None, "count": int | UnsetType},
    body=Query,
    credentials="token",
    errors=(403,),
)
def query_steps(project_id: str) -> Response:
    """Find steps, newest first unless sorted."""
    return _found("steps", project_id)


@blueprint.post("/traces/query")
@described(
    {"results": list[TraceDocument], "nextCursor": str | None, "count": int | UnsetType},
    body=Query,
    credentials="token",
    errors=(403,),
)
def query_traces(project_id: str) -> Response:
    """Find traces, newest first unless sorted."""
    return _found("traces", project_id)


def _found(collection: Collection, project_id: str) -> Response:
    require_member(project_id)
    asked = read_fields(Query)
    found = services().searching.query(
        collection, project_id, Question(asked.filter, asked.sort, asked.limit, asked.cursor, asked.count)
    )
    count = {} if found.count is None else {"count": found.count}
    documents = [msgspec.Raw(document) for document in found.documents]
    return answer({"results": documents, "nextCursor": found.next_cursor, **count})
