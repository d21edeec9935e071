"""Identifiers: those that the server makes, and the rule for those that clients choose."""

import os
import re
import time
import uuid

__all__ = ["is_valid_client_id", "is_valid_object_id", "new_object_id", "new_project_id"]

_CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")
_OBJECT_ID = re.compile(r"[0-9a-f]{24}")


def new_object_id() -> str:
    """Return the `_id` of a document: 24 hexadecimal digits, of which the first eight are the second of its making.

    As in MongoDB's ObjectId, ids that are made one after the other lie close together in an index.
    """
    return f"{int(time.time()) & 0xFFFFFFFF:08x}{os.urandom(8).hex()}"


def new_project_id() -> str:
    """Return a random UUID."""
    return str(uuid.uuid4())


def is_valid_client_id(text: str) -> bool:
    """Tell whether a traceId, stepId or dataId may be stored; it becomes a path in the blob store."""
    return _CLIENT_ID.fullmatch(text) is not None


def is_valid_object_id(text: str) -> bool:
    """Tell whether the text could be an `_id`."""
    return _OBJECT_ID.fullmatch(text) is not None
