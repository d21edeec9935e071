"""The events of the wire, as typed structures. Optional fields may be missing or null."""

from typing import Any, Literal, TypeAlias

import msgspec

from xray_backend.ingest.times import Time

__all__ = [
    "Artifact",
    "CompleteRequest",
    "CompletedPart",
    "Data",
    "Event",
    "PresignRequest",
    "Step",
    "StepError",
    "TraceError",
    "TraceFailure",
    "TraceStart",
    "TraceSuccess",
]

Metadata: TypeAlias = dict[str, Any]


class _Shape(msgspec.Struct, rename="camel", omit_defaults=True):
    """Field names are camelCase on the wire; fields that are not listed are left out, as are those without value."""


class TraceStart(_Shape, tag_field="type", tag="trace-start", kw_only=True):
    """A trace began, or learned more of its metadata."""

    trace_id: str
    created_at: Time
    metadata: Metadata | None = None
    name: str | None = None
    timestamp: Time | None = None


class _TraceEnd(_Shape, kw_only=True):
    trace_id: str
    ended_at: Time
    created_at: Time | None = None
    metadata: Metadata | None = None
    timestamp: Time | None = None


class TraceSuccess(_TraceEnd, tag_field="type", tag="trace-success", kw_only=True):
    """A trace ended well."""

    success_metadata: Metadata | None = None


class TraceFailure(_TraceEnd, tag_field="type", tag="trace-failure", kw_only=True):
    """A trace failed."""

    failure_metadata: Metadata | None = None


class Artifact(_Shape, kw_only=True):
    """A captured value that a step names."""

    data_id: str
    type: Literal["input", "output"] | None = None
    key: str | None = None


class _AnyStep(_Shape, kw_only=True):
    step_id: str
    trace_id: str
    timestamp: Time
    artifacts: list[Artifact] | None = None
    metadata: Metadata | None = None
    parent_step_id: str | None = None
    duration_ms: float | None = None
    inputs: dict[str, Metadata] | None = None
    output: Metadata | None = None


class Step(_AnyStep, tag_field="type", tag="step", kw_only=True):
    """A step, running (`pending`) or done."""

    step_name: str
    step_number: int
    pending: bool | None = None


class StepError(_AnyStep, tag_field="type", tag="step-error", kw_only=True):
    """A step that failed."""

    step_name: str | None = None
    step_number: int | None = None


class TraceError(_AnyStep, tag_field="type", tag="trace-error", kw_only=True):
    """An error outside any step."""

    @property
    def step_name(self) -> None:
        """There is no step to be named."""

    @property
    def step_number(self) -> None:
        """There is no step to be numbered."""


class _Captured(_Shape, kw_only=True):
    data_id: str
    trace_id: str
    key: str
    metadata: Metadata | None = None
    content_type: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None


class Data(_Captured, tag_field="type", tag="data", kw_only=True):
    """The record of a captured value, with its bytes if they are few."""

    data_path: str | None = None
    content: str | None = None
    content_encoding: Literal["base64"] | None = None


class PresignRequest(_Captured):
    """Asks for a URL to upload a captured value to, or for those of its parts; with an id, to go on uploading."""

    upload_id: str | None = None


class CompletedPart(_Shape):
    """A part that was uploaded, with the ETag header that came in answer."""

    part_number: int
    etag: str


class CompleteRequest(_Shape):
    """Says that all parts of a captured value were uploaded."""

    data_id: str
    upload_id: str
    parts: list[CompletedPart]


Event: TypeAlias = TraceStart | TraceSuccess | TraceFailure | Step | StepError | TraceError | Data
