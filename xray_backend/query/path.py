"""Dotted paths: which are taken, and where they may start."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from xray_backend.errors import BadRequest
from xray_backend.query.limits import QueryLimits
from xray_backend.query.tree import Path

__all__ = ["DATE_FIELDS", "ID_FIELD", "STORED_FIELDS", "PathReader", "Place"]

_STEP_FIELDS = (
    "_id stepId traceId projectId type stepName stepNumber artifacts metadata timestamp parentStepId durationMs "
    "inputs output pending __v"
)
_TRACE_FIELDS = "_id traceId projectId name metadata status successMetadata failureMetadata createdAt endedAt __v"

STORED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "steps": tuple(_STEP_FIELDS.split()),
    "traces": tuple(_TRACE_FIELDS.split()),
}

DATE_FIELDS: Final = frozenset({"timestamp", "createdAt", "endedAt"})
"""At the top of a document these hold dates, written as text."""

ID_FIELD: Final = "_id"
"""At the top of a document this holds an object id, written as text."""

# Enough to know one's own path by; an error need not repeat a thousand letters.
_SHOWN_LENGTH = 100


@dataclass(frozen=True)
class Place:
    """Where a test looks."""

    path: Path
    """From the document, or from the element that an `$elemMatch` is at."""

    name: str
    """What an error calls it: the whole path."""

    holds: Literal["date", "id", "any"] = "any"


class PathReader:
    """Reads the paths of one filter."""

    def __init__(self, collection: Literal["steps", "traces"], limits: QueryLimits) -> None:
        self._collection = collection
        self._limits = limits

    def read(self, text: str, within: Place | None) -> Place:
        """Split a dotted path, which begins in the elements of a place or, where there is none, in the document.

        Raises `BadRequest` if it starts at no stored field, or could reach nothing.
        """
        shown = text[:_SHOWN_LENGTH].encode("utf-8", "replace").decode()
        path = self._split(text, shown)
        if within is not None:
            _check_parts(shown, text, path)
            return Place(path, f"{within.name}.{text}")
        if path[0] not in STORED_FIELDS[self._collection]:
            fields = ", ".join(STORED_FIELDS[self._collection])
            raise BadRequest(f"The path '{shown}' does not start at a field of {self._collection}; these are {fields}.")
        _check_parts(shown, text, path)
        return Place(path, text, "date" if text in DATE_FIELDS else "id" if text == ID_FIELD else "any")

    def _split(self, text: str, shown: str) -> Path:
        if len(text.encode("utf-8", "replace")) > self._limits.max_path_bytes:
            raise BadRequest(f"The path '{shown}…' is longer than {self._limits.max_path_bytes} bytes.")
        path = tuple(text.split("."))
        if len(path) > self._limits.max_path_parts:
            raise BadRequest(f"The path '{shown}…' has more than {self._limits.max_path_parts} parts.")
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
