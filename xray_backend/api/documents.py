"""The documents of the answers, for the OpenAPI document; the bytes themselves come from the store as they are."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

__all__ = ["DataDocument", "SchemaDocument", "StepDocument", "TraceDocument"]


class TraceDocument(msgspec.Struct, rename="camel"):
    """A trace."""

    object_id: str = msgspec.field(name="_id")
    trace_id: str
    project_id: str
    status: Literal["success", "failure", "pending"]
    metadata: dict[str, Any]
    success_metadata: dict[str, Any]
    failure_metadata: dict[str, Any]
    created_at: str
    ended_at: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    version: int = msgspec.field(name="__v", default=0)


class ArtifactDocument(msgspec.Struct, rename="camel"):
    """A value that a step took or gave."""

    object_id: str = msgspec.field(name="_id")
    data_id: str
    type: Literal["input", "output"] | None
    key: str | UnsetType = UNSET


class StepDocument(msgspec.Struct, rename="camel"):
    """A step."""

    object_id: str = msgspec.field(name="_id")
    step_id: str
    trace_id: str
    project_id: str
    type: Literal["step", "step-error", "trace-error"]
    step_name: str | None
    step_number: int | None
    artifacts: list[ArtifactDocument]
    metadata: dict[str, Any]
    timestamp: str
    parent_step_id: str | UnsetType = UNSET
    duration_ms: float | UnsetType = UNSET
    inputs: dict[str, Any] | UnsetType = UNSET
    output: dict[str, Any] | UnsetType = UNSET
    pending: bool | UnsetType = UNSET
    version: int = msgspec.field(name="__v", default=0)


class DataDocument(msgspec.Struct, rename="camel"):
    """The record of a captured value, without its bytes."""

    object_id: str = msgspec.field(name="_id")
    data_id: str
    trace_id: str
    project_id: str
    key: str
    metadata: dict[str, Any]
    data_path: str
    content_type: str | None
    size_bytes: int | None
    sha256: str | None
    version: int = msgspec.field(name="__v", default=0)


class SchemaDocument(msgspec.Struct, rename="camel"):
    """One shape of a step's metadata."""

    step_name: str
    schema_hash: str
    schema_shape: dict[str, Any]
    last_seen_at: str
