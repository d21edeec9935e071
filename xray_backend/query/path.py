"""Dotted paths: which are taken, and where they may start."""

from collections.abc import Mapping
from typing import Literal

from xray_backend.errors import BadRequest
from xray_backend.query.limits import QueryLimits
from xray_backend.query.tree import Path

__all__ = ["STORED_FIELDS", "parse_path"]

_STEP_FIELDS = (
    "_id stepId traceId projectId type stepName stepNumber artifacts metadata timestamp parentStepId durationMs "
    "inputs output pending __v"
)
_TRACE_FIELDS = "_id traceId projectId name metadata status successMetadata failureMetadata createdAt endedAt __v"

STORED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "steps": tuple(_STEP_FIELDS.split()),
    "traces": tuple(_TRACE_FIELDS.split()),
}

# Enough to know one's own path by; an error need not repeat a thousand letters.
_SHOWN_LENGTH = 100


def parse_path(text: str, collection: Literal["steps", "traces"], limits: QueryLimits) -> Path:
    """Split a dotted path. Raises `BadRequest` if it starts at no stored field, or could reach nothing."""
    shown = text[:_SHOWN_LENGTH].encode("utf-8", "replace").decode()
    if len(text.encode("utf-8", "replace")) > limits.max_path_bytes:
        raise BadRequest(f"The path '{shown}…' is longer than {limits.max_path_bytes} bytes.")
    path = tuple(text.split("."))
    if len(path) > limits.max_path_parts:
        raise BadRequest(f"The path '{shown}…' has more than {limits.max_path_parts} parts.")
    if path[0] not in STORED_FIELDS[collection]:
        fields = ", ".join(STORED_FIELDS[collection])
        raise BadRequest(f"The path '{shown}' does not start at a field of {collection}; these are {fields}.")
    _check_parts(shown, text, path)
    return path


def _check_parts(shown: str, text: str, path: Path) -> None:
    if "" in path:
        raise BadRequest(f"The path '{shown}' has an empty part; no path reaches an empty key.")
    if any(part.startswith("$") for part in path):
        raise BadRequest(f"A part of the path '{shown}' begins with $; no path reaches such a key.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRequest(f"The path '{shown}' holds half of a surrogate pair, which is not Unicode text.") from None
