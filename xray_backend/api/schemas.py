"""What steps' metadata looks like, as it was seen."""

from typing import Any

from flask import Blueprint, Response
from msgspec import Raw, UnsetType

from xray_backend.api import parameters
from xray_backend.api.answers import answer
from xray_backend.api.context import require_member, services
from xray_backend.api.described import Parameter, described
from xray_backend.api.documents import SchemaDocument
from xray_backend.api.large_answers import list_answer

__all__ = ["blueprint"]

COMPLETE_HEADER = "X-Schema-Complete"

blueprint = Blueprint("schemas", __name__, url_prefix="/api/v1/projects/<project_id>/schemas")


@blueprint.get("")
@described(
    {"schema": dict[str, Any] | UnsetType, "schemas": list[SchemaDocument] | UnsetType},
    credentials="token",
    parameters={
        "stepName": Parameter("Only steps of this name.", {"type": "string"}),
        "detail": Parameter("1: each shape on its own, as `schemas`.", {"type": "string", "enum": ["0", "1"]}),
    },
    errors=(400, 403),
    headers={
        COMPLETE_HEADER: "With `schema`: `false` where there were more shapes or keys than are kept, else `true`."
    },
)
def get_schemas(project_id: str) -> Response:
    """Show the shapes of all steps' metadata, merged into one or each on its own."""
    require_member(project_id)
    step_name = parameters.step_name()
    if parameters.flag("detail"):
        shapes = services().reading.schemas(project_id, step_name)
        return list_answer("schemas", shapes, services().config.data_dir)
    merged = services().reading.merged_schema(project_id, step_name)
    response = answer({"schema": Raw(merged.document)})
    response.headers[COMPLETE_HEADER] = "true" if merged.is_complete else "false"
    return response
