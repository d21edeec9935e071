"""What is being deleted is hidden from every read at once, while its rows go piece by piece."""

from collections.abc import Sequence
from typing import Final

__all__ = ["visible"]

_PROJECT: Final = "NOT EXISTS (SELECT 1 FROM deleted_projects WHERE project_id = ?)"
_TRACE: Final = "trace_id NOT IN (SELECT trace_id FROM deleted_traces WHERE project_id = ? AND removed = 0)"
"""Of this there are few or none at a time, found by an index that holds nothing else; read once for each query."""


def visible(project_id: str, *, by_trace: bool = True) -> tuple[Sequence[str], Sequence[object]]:
    """Return the conditions, to be joined by AND, and their parameters.

    Rows that belong to no trace, and those of `traces`, which go at once, need not be asked for theirs.
    """
    if by_trace:
        return (_PROJECT, _TRACE), (project_id, project_id)
    return (_PROJECT,), (project_id,)
