"""What a type cannot say of an event: ids, ranges, lengths, depths, and what must agree."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from xray_backend.blobs.part_plan import MAX_PARTS
from xray_backend.ids import is_valid_client_id
from xray_backend.ingest.big_integers import stringified
from xray_backend.ingest.content import check_content
from xray_backend.ingest.limits import Limits
from xray_backend.ingest.shapes import (
    CompleteRequest,
    Data,
    Event,
    PresignRequest,
    Step,
    StepError,
    TraceError,
    TraceFailure,
    TraceStart,
    TraceSuccess,
)
from xray_backend.ingest.strict_json import depth_exceeds
from xray_backend.ingest.times import LAST_MS, Time, is_storable
from xray_backend.ingest.unacceptable import Unacceptable

__all__ = ["Checks"]

_GREATEST_INTEGER: Final = 2**53
"""The greatest that every JSON reader holds exactly."""

_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}")
_VISIBLE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
"""A content type goes into a header, so it must not hold a line break."""

_MAPPINGS: Final = ("metadata", "success_metadata", "failure_metadata", "inputs", "output")


@dataclass(frozen=True)
class Checks:
    """The rules for one project's events; each method raises `Unacceptable` with the first that is broken."""

    project_id: str
    limits: Limits

    def event(self, event: Event, *, deep: bool, big_integers: bool) -> None:
        """Check an event, and bring it into the form in which it is stored.

        `deep` and `big_integers` say whether its text gave reason to look for such.
        """
        _CHECKS[type(event)](self, event)
        if deep:
            self._depths(event)
        if big_integers:
            _stringify(event)

    def presign(self, item: PresignRequest) -> None:
        """Check an item of a presign request, and bring it into the form in which it is stored."""
        self._captured(item)
        self._depths(item)
        _stringify(item)

    def complete(self, request: CompleteRequest) -> None:
        """Check what completes an upload."""
        _client_id("dataId", request.data_id)
        if not 1 <= len(request.parts) <= MAX_PARTS:
            raise Unacceptable(f"`parts` must name all parts of the upload, 1 to {MAX_PARTS}.")
        seen = set[int]()
        for index, part in enumerate(request.parts):
            if not 1 <= part.part_number <= MAX_PARTS:
                raise Unacceptable(f"`parts[{index}].partNumber` must be between 1 and {MAX_PARTS}.")
            if part.part_number in seen:
                raise Unacceptable(f"`parts` names part {part.part_number} twice.")
            seen.add(part.part_number)

    def _trace(self, event: TraceStart | TraceSuccess | TraceFailure) -> None:
        _client_id("traceId", event.trace_id)
        _time("createdAt", event.created_at)
        _time("timestamp", event.timestamp)
        if isinstance(event, TraceStart):
            self._name("name", event.name)
        else:
            _time("endedAt", event.ended_at)

    def _step(self, event: Step | StepError | TraceError) -> None:
        _client_id("stepId", event.step_id)
        _client_id("traceId", event.trace_id)
        _client_id("parentStepId", event.parent_step_id)
        _time("timestamp", event.timestamp)
        _within("stepNumber", event.step_number, _GREATEST_INTEGER)
        _within("durationMs", event.duration_ms, LAST_MS)
        self._name("stepName", event.step_name)
        for index, artifact in enumerate(event.artifacts or ()):
            _client_id("artifacts[{}].dataId", artifact.data_id, index)
            self._name("artifacts[{}].key", artifact.key, index)

    def _data(self, event: Data) -> None:
        self._captured(event)
        if event.data_path not in (None, f"{self.project_id}/{event.data_id}"):
            raise Unacceptable("`dataPath` must be missing, or the project's id, a slash and `dataId`.")
        check_content(event, self.limits)

    def _captured(self, item: Data | PresignRequest) -> None:
        _client_id("dataId", item.data_id)
        _client_id("traceId", item.trace_id)
        self._name("key", item.key)
        _within("sizeBytes", item.size_bytes, _GREATEST_INTEGER)
        self._content_type(item.content_type)
        if item.sha256 is not None:
            if not _SHA256.fullmatch(item.sha256):
                raise Unacceptable("`sha256` must be 64 hexadecimal digits.")
            item.sha256 = item.sha256.lower()

    def _name(self, field: str, text: str | None, index: int = 0) -> None:
        bound = self.limits.max_name_characters
        if text is not None and len(text) > bound:
            raise Unacceptable(f"`{field.format(index)}` has {len(text)} characters; the limit is {bound}.")

    def _content_type(self, text: str | None) -> None:
        bound = self.limits.max_content_type_characters
        if text is not None and (len(text) > bound or not _VISIBLE.fullmatch(text)):
            raise Unacceptable(f"`contentType` must be 1 to {bound} visible ASCII characters.")

    def _depths(self, event: Event | PresignRequest) -> None:
        bound = self.limits.max_depth
        for field in _MAPPINGS:
            if depth_exceeds(getattr(event, field, None), bound):
                raise Unacceptable(f"`{_camel(field)}` is nested deeper than {bound} levels.")


_CHECKS: Final[dict[type, Callable[[Checks, Any], None]]] = {
    TraceStart: Checks._trace,
    TraceSuccess: Checks._trace,
    TraceFailure: Checks._trace,
    Step: Checks._step,
    StepError: Checks._step,
    TraceError: Checks._step,
    Data: Checks._data,
}


def _client_id(field: str, text: str | None, index: int = 0) -> None:
    if text is not None and not is_valid_client_id(text):
        raise Unacceptable(
            f"`{field.format(index)}` must be 1 to 200 letters, digits, `_`, `.`, `:` and `-`, and begin with a letter "
            "or a digit."
        )


def _time(field: str, time: Time | None) -> None:
    if time is not None and not is_storable(time):
        raise Unacceptable(
            f"`{field}` must be a time between 1970 and 9999, in milliseconds or as ISO 8601 with an offset."
        )


def _within(field: str, number: float | None, greatest: float) -> None:
    if number is not None and not 0 <= number <= greatest:
        raise Unacceptable(f"`{field}` must be between 0 and {greatest:.0f}.")


def _stringify(event: Event | PresignRequest) -> None:
    for field in _MAPPINGS:
        value = getattr(event, field, None)
        if value is not None:
            setattr(event, field, stringified(value))


def _camel(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(part.capitalize() for part in rest)
