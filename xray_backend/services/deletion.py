"""Deleting traces and projects."""

from collections.abc import Callable

from xray_backend.auth.api_keys import ApiKeys
from xray_backend.errors import NotFound
from xray_backend.store.base import Store

__all__ = ["Deletion"]


class Deletion:
    """Hides at once, and has the rest done in the background; that the caller may is checked before."""

    def __init__(self, store: Store, api_keys: ApiKeys, on_deleted: Callable[[], None]) -> None:
        self._store = store
        self._api_keys = api_keys
        self._on_deleted = on_deleted

    def trace(self, project_id: str, trace_id: str) -> None:
        """Delete a trace with its steps, data and blobs. Raises `NotFound`, or as `Store.delete_trace`."""
        if not self._store.delete_trace(project_id, trace_id):
            raise NotFound("This project has no such trace.")
        self._on_deleted()

    def project(self, project_id: str) -> None:
        """Delete a project with all that it has; its keys stop working. Raises `NotFound` if there is none."""
        if not self._store.delete_project(project_id):
            raise NotFound("This project does not exist.")
        self._api_keys.forget_project(project_id)
        self._on_deleted()
