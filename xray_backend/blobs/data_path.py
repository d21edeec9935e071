"""The name of a blob: `{projectId}/{dataId}`, and nothing else."""

from xray_backend.errors import BadRequest
from xray_backend.ids import is_valid_client_id

__all__ = ["checked", "is_data_path"]


def is_data_path(text: str) -> bool:
    """Tell whether a blob may have this name."""
    project_id, _, data_id = text.partition("/")
    return is_valid_client_id(project_id) and is_valid_client_id(data_id)


def checked(data_path: str) -> str:
    """Return the name itself. Raises `BadRequest` if no blob may have it."""
    if not is_data_path(data_path):
        raise BadRequest("A data path is {projectId}/{dataId}.")
    return data_path
