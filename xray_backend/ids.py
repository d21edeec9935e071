"""Identifiers: those that the server makes, and the rule for those that clients choose."""

import itertools
import os
import re
import time
import uuid

__all__ = ["is_valid_client_id", "is_valid_object_id", "new_object_id", "new_project_id"]

_CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")
_OBJECT_ID = re.compile(r"[0-9a-f]{24}")


def new_object_id() -> str:
    """Return the `_id` of a document: 24 hexadecimal digits, made as MongoDB makes an ObjectId.

    They are the second, five bytes of this process's own, and a counter that begins anywhere: no two are equal, and
    ids that are made one after the other lie close together in an index.
    """
    second, number = int(time.time()) & 0xFFFFFFFF, next(_counter) & 0xFFFFFF
    return (second.to_bytes(4, "big") + _process + number.to_bytes(3, "big")).hex()


def _begin_anew() -> None:
    """Be another process than the one that this was forked from."""
    global _process, _counter
    _process = os.urandom(5)
    _counter = itertools.count(int.from_bytes(os.urandom(3), "big"))


_process: bytes
_counter: "itertools.count[int]"
_begin_anew()
os.register_at_fork(after_in_child=_begin_anew)


def new_project_id() -> str:
    """Return a random UUID."""
    return str(uuid.uuid4())


def is_valid_client_id(text: str) -> bool:
    """Tell whether a traceId, stepId or dataId may be stored; it becomes a path in the blob store."""
    return _CLIENT_ID.fullmatch(text) is not None


def is_valid_object_id(text: str) -> bool:
    """Tell whether the text could be an `_id`."""
    return _OBJECT_ID.fullmatch(text) is not None
