"""Identifiers: those that the server makes, and the rule for those that clients choose."""

import os
import re
import uuid

__all__ = ["is_valid_client_id", "is_valid_object_id", "new_object_id", "new_project_id"]

_CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")
_OBJECT_ID = re.compile(r"[0-9a-f]{24}")


def new_object_id() -> str:
    """Return 24 random hexadecimal digits, the `_id` of a document."""
    return os.urandom(12).hex()


def new_project_id() -> str:
    """Return a random UUID."""
    return str(uuid.uuid4())


def is_valid_client_id(text: str) -> bool:
    """Tell whether a traceId, stepId or dataId may be stored; it becomes a path in the blob store."""
    return _CLIENT_ID.fullmatch(text) is not None


def is_valid_object_id(text: str) -> bool:
    """Tell whether the text could be an `_id`."""
    return _OBJECT_ID.fullmatch(text) is not None
