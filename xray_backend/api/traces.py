"""Traces: the list, and one with its steps."""

from flask import Blueprint, Response
from msgspec import Raw

from xray_backend.api import parameters
from xray_backend.api.answers import answer
from xray_backend.api.context import require_member, require_owner, services
from xray_backend.api.described import Parameter, described
from xray_backend.api.documents import DataDocument, StepDocument, TraceDocument

__all__ = ["blueprint"]

blueprint = Blueprint("traces", __name__, url_prefix="/api/v1/projects/<project_id>/traces")

STATUSES = ("pending", "success", "failure")
_TIME = {"type": "string", "description": "milliseconds since 1970, or ISO 8601 with an offset"}


@blueprint.get("")
@described(
    {"traces": list[TraceDocument], "nextCursor": str | None},
    credentials="token",
    parameters={
        "status": Parameter("Only traces of this status.", {"type": "string", "enum": list(STATUSES)}),
        "startDate": Parameter("Only traces created then or later.", _TIME),
        "endDate": Parameter("Only traces created then or earlier.", _TIME),
        "limit": parameters.LIMIT,
        "cursor": parameters.CURSOR,
    },
    errors=(400, 403),
)
def list_traces(project_id: str) -> Response:
    """List traces, newest first."""
    require_member(project_id)
    page = services().reading.traces(
        project_id,
        status=parameters.choice("status", STATUSES),
        start_ms=parameters.time_ms("startDate"),
        end_ms=parameters.time_ms("endDate"),
        limit=parameters.limit(),
        cursor=parameters.cursor(),
    )
    return answer({"traces": [Raw(trace) for trace in page.traces], "nextCursor": page.next_cursor})


@blueprint.get("/<trace_id>")
@described(
    {"trace": TraceDocument, "steps": list[StepDocument], "data": list[DataDocument], "nextCursor": str | None},
    credentials="token",
    parameters={"cursor": parameters.CURSOR},
    errors=(400, 403, 404),
)
def get_trace(project_id: str, trace_id: str) -> Response:
    """Show a trace with its steps, 1,000 a page, and the records of the values that they name."""
    require_member(project_id)
    view = services().reading.trace(project_id, trace_id, cursor=parameters.cursor())
    return answer(
        {
            "trace": Raw(view.trace),
            "steps": [Raw(step) for step in view.steps],
            "data": [Raw(record) for record in view.data],
            "nextCursor": view.next_cursor,
        }
    )


@blueprint.delete("/<trace_id>")
@described({"success": bool}, credentials="token", errors=(403, 404, 429))
def delete_trace(project_id: str, trace_id: str) -> Response:
    """Delete a trace with its steps, data and blobs, for good: also when its events come again."""
    require_owner(project_id)
    services().deletion.trace(project_id, trace_id)
    return answer({"success": True})
