"""Identifiers that the SDK makes."""

import hashlib
import os
import re

__all__ = ["derive_data_id", "is_valid_id", "new_id", "new_trace_id"]

_VALID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")


def new_id() -> str:
    """Return 32 random hexadecimal digits; the operating system's entropy makes them safe over fork."""
    return os.urandom(16).hex()


def new_trace_id(project_id: str | None) -> str:
    """Return `{projectId}-{id}` where the project is known, else an id alone."""
    return f"{project_id}-{new_id()}" if project_id else new_id()


def is_valid_id(text: str) -> bool:
    """Tell whether the server takes this text as an id (the rule is the wire contract's)."""
    return _VALID.fullmatch(text) is not None


def derive_data_id(destination: str, trace_id: str, content_type: str, sha256_hex: str) -> str:
    """Return the id under which this content is stored once in this trace.

    The destination is part of it because programs with different keys share one spool directory,
    where the id is a file's name.
    """
    identity = "\n".join((destination, trace_id, content_type, sha256_hex))
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]
